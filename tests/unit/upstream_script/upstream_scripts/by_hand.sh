#!/usr/bin/env bash
# Somebody's own script: options added, everything in the call.
#SBATCH --gpus=1
cd "$(dirname "$0")"
apptainer exec --nv htr.sif python3 /src/loghi-htr/src/main.py \
    --train_list "lists/train.txt" --validation_list lists/val.txt --test_list lists/test.txt \
    --model /models/base/best_val --model_name hand --output "$HOME/models" \
    --epochs 50 --batch_size=16 --learning_rate 1e-4 --early_stopping_patience 10 --seed 7 \
    --elastic_transform --aug_random_width --freeze_conv_layers --freeze_dense_layers \
    --use_float32 --optimizer rmsprop --decay_rate 0.95 --normalization_file norm.json \
    --replace_final --blow_whistle
