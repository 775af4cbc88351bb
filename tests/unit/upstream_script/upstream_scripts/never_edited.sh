#!/bin/bash
# A short imitation of a training script as it comes, before anybody has filled anything in.
USEBASEMODEL=1
HTRBASEMODEL=PATH_TO_HTR_BASE_MODEL
GPU=0
listdir=PATH_TO_LISTDIR
trainlist=$listdir/training_all_train.txt
validationlist=INSERT_FULL_PATH_TO_VALIDATION_DATA_LIST
datadir=/tmp/path_to_training_images
model_name=myfirstmodel
tmpdir=$(mktemp -d)
outputdir=$tmpdir/output
python3 /src/loghi-htr/src/main.py --train_list $trainlist --validation_list $validationlist \
    --model $HTRBASEMODEL --model_name $model_name --output $outputdir
