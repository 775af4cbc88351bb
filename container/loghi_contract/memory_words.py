"""How frameworks and the kernel say that memory ran out, for the trainer that goes on and the host that explains."""

from typing import Final

# Source: the messages of TensorFlow, CUDA, PyTorch, JAX, Python and the C++ library, as users quote them in public
# threads. Patterns for `re`.
ON_CARD: Final = (
    r"CUDA_ERROR_OUT_OF_MEMORY|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED|CUDA out of memory"
    r"|OOM when allocating tensor|ResourceExhaustedError|RESOURCE_EXHAUSTED|Dst tensor is not initialized"
)
ON_MACHINE: Final = r"MemoryError|std::bad_alloc|Cannot allocate memory|can't start new thread"
