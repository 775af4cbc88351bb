"""What the host and the trainer agree on: places, job, events, exit codes and Loghi's own file formats.

Standard library only: the host, the image, Slurm nodes and platforms all read it.
"""

__version__ = "0.1.0"

#: The wire contract's version. The image carries it as a label; the host compares before it starts a container.
CONTRACT = 1

#: The image label that holds `CONTRACT`.
CONTRACT_LABEL = "org.loghi-runner.contract"
