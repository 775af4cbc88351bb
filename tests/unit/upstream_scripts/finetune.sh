#!/bin/bash
# A short imitation of a 2025 training script, filled in for one hand.
VERSION=2.2.33
set -e

USEBASEMODEL=1
HTRBASEMODEL=/home/anna/models/ibsen/best_val
HTRNEWMODEL="recommended"

GPU=-1

# where the line lists are
listdir=/home/anna/bonnevie/lines/
trainlist=$listdir/training_all_train.txt
validationlist=$listdir/training_all_val.txt
datadir=/tmp/path_to_training_images

epochs=5
multiply=1
REPLACEFINALLAYER=0
batch_size=8
model_name=bonnevie_finetuned
learning_rate=0.0003

tmpdir=$(mktemp -d)
outputdir=/home/anna/loghi/$model_name

# from here on nothing was edited
IMAGE=loghi/docker.htr:$VERSION
MODEL=$HTRNEWMODEL
MODELDIR=""
REPLACEFINAL=""
if [[ $USEBASEMODEL -eq 1 ]]; then
    MODEL=$HTRBASEMODEL
    MODELDIR="-v $(dirname "${MODEL}"):$(dirname "${MODEL}")"
fi
if [[ $REPLACEFINALLAYER -eq 1 ]]; then
    REPLACEFINAL="--replace_final_layer"
fi
DOCKERGPUPARAMS=""
if [[ $GPU -gt -1 ]]; then
    DOCKERGPUPARAMS="--gpus device=${GPU}"
fi

mkdir -p $outputdir
docker run $DOCKERGPUPARAMS --rm -u $(id -u ${USER}):$(id -g ${USER}) -ti \
    $MODELDIR \
    -v $listdir:$listdir \
    -v $outputdir:$outputdir \
    $IMAGE \
        python3 /src/loghi-htr/src/main.py \
        --train_list $trainlist \
        --do_validate \
        --validation_list $validationlist \
        --learning_rate $learning_rate \
        --batch_size $batch_size \
        --epochs $epochs \
        --gpu $GPU \
        --seed 1 \
        --beam_width 1 \
        --model $MODEL \
        --aug_multiply $multiply \
        --model_name $model_name \
        --output $outputdir \
        $REPLACEFINAL

echo "The results are in $outputdir"
