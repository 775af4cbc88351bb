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

# how the values reach main.py
model=$HTRNEWMODEL
if [[ $USEBASEMODEL -eq 1 ]]; then
    model=$HTRBASEMODEL
fi
final=""
if [[ $REPLACEFINALLAYER -eq 1 ]]; then final="--replace_final_layer"; fi
card=""
if [ "$GPU" -ge 0 ]; then
    card="--gpus device=$GPU"
fi
echo "training $model_name"
docker run $card --rm -v "$(dirname "$model")":"$(dirname "$model")" loghi/docker.htr:$VERSION \
    python3 /src/loghi-htr/src/main.py --model $model $final --gpu $GPU --seed 1 \
    --train_list $trainlist --validation_list $validationlist --do_validate \
    --epochs $epochs --batch_size $batch_size --learning_rate $learning_rate --aug_multiply $multiply \
    --model_name $model_name --output $outputdir
