#!/bin/bash
# A short imitation of a 2023 pipeline: it prints the call first, and names the base model in an option of its own.
VERSION=1.3.8
HTRLOGHI=1
HTRLOGHIMODELHEIGHT=64
HTRBASEMODEL=/models/generic-2023-02-15
USEBASEMODEL=1
HTRNEWMODEL="None,64,None,3 Cr3,3,24 Bn Mp2,2,2,2 Rc Bl256 O1s92"
channels=4
GPU=0
listdir=/data/lines
trainlist=$listdir/train.txt
validationlist=$listdir/val.txt
datadir=/scratch/republicprint
charlist=PATH_TO_EXISTING_CHARLIST_FINETUNE
epochs=12
height=$HTRLOGHIMODELHEIGHT
multiply=2
batch_size=4
model_name=letters
learning_rate=0.0001
tmpdir=$(mktemp -d)
BASEMODEL=""
if [[ $USEBASEMODEL -eq 1 ]]; then
    BASEMODEL=" --existing_model "$HTRBASEMODEL
fi
if [[ $HTRLOGHI -eq 1 ]]
then
    echo docker run --gpus all loghi/docker.htr python3 /src/loghi-htr/src/main.py --epochs 99 --output /elsewhere
    docker run --gpus all --rm loghi/docker.htr:$VERSION python3 /src/loghi-htr/src/main.py \
        --do_train \
        --train_list $trainlist \
        --do_validate --validation_list $validationlist \
        --learning_rate $learning_rate \
        --channels $channels --height $height --use_mask \
        --batch_size $batch_size --epochs $epochs --gpu $GPU \
        --seed 1 --beam_width 10 \
        --model "$HTRNEWMODEL" \
        --multiply $multiply \
        --output $listdir \
        --model_name $model_name \
        --output_charlist $tmpdir/charlist \
        --output $tmpdir/output $BASEMODEL
fi
echo $tmpdir
