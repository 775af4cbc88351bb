/* A stand-in for the NVIDIA driver (libcuda.so.1): one card that can be found and named, and nothing that computes.
 *
 * TensorFlow registers a card once its own CUDA libraries could be opened and the driver describes the card. That
 * much is tested with it where there is no card. STUB_CAPABILITY, such as "70", is the card's compute capability.
 *
 * Source of names and numbers: the CUDA Driver API reference, CUdevice_attribute.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult;
typedef int CUdevice;

enum { SUCCESS = 0, NOT_FOUND = 500 };

static size_t const MEMORY = 16ul << 30;
static int a_context;

static int capability(void) {
    char const *given = getenv("STUB_CAPABILITY");
    return given ? atoi(given) : 90;
}

static int attribute(int number) {
    switch (number) {
    case 1: case 2: return 1024;             /* threads of a block, and along x */
    case 3: case 4: return 64;               /* along y and z */
    case 5: case 6: case 7: return 65535;    /* blocks of a grid */
    case 8: return 48 << 10;                 /* shared memory of a block */
    case 10: return 32;                      /* threads of a warp */
    case 12: return 65536;                   /* registers of a block */
    case 13: return 1500000;                 /* clock, kHz */
    case 16: return 80;                      /* multiprocessors */
    case 36: return 1500000;                 /* memory clock, kHz */
    case 37: return 4096;                    /* memory bus, bits */
    case 38: return 6 << 20;                 /* second level cache */
    case 39: return 2048;                    /* threads of a multiprocessor */
    case 75: return capability() / 10;
    case 76: return capability() % 10;
    case 81: case 97: return 96 << 10;       /* shared memory of a multiprocessor, and of a block that asks */
    case 82: return 65536;                   /* registers of a multiprocessor */
    default: return 0;
    }
}

CUresult cuInit(unsigned flags) { return SUCCESS; }
CUresult cuDriverGetVersion(int *version) { *version = 12090; return SUCCESS; }
CUresult cuDeviceGetCount(int *count) { *count = 1; return SUCCESS; }
CUresult cuDeviceGet(CUdevice *device, int ordinal) { *device = ordinal; return SUCCESS; }
CUresult cuDeviceGetName(char *name, int size, CUdevice device) { snprintf(name, size, "Stub card"); return SUCCESS; }
CUresult cuDeviceGetUuid(char *uuid, CUdevice device) { memset(uuid, 1, 16); return SUCCESS; }
CUresult cuDeviceGetUuid_v2(char *uuid, CUdevice device) { return cuDeviceGetUuid(uuid, device); }
CUresult cuDeviceGetPCIBusId(char *id, int size, CUdevice device) { snprintf(id, size, "0000:01:00.0"); return SUCCESS; }
CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) { *bytes = MEMORY; return SUCCESS; }
CUresult cuDeviceGetAttribute(int *value, int number, CUdevice device) { *value = attribute(number); return SUCCESS; }
CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device) {
    *major = capability() / 10;
    *minor = capability() % 10;
    return SUCCESS;
}
CUresult cuDevicePrimaryCtxRetain(void **context, CUdevice device) { *context = &a_context; return SUCCESS; }
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) { return SUCCESS; }
CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) { return SUCCESS; }
CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active) {
    *flags = 0;
    *active = 1;
    return SUCCESS;
}
CUresult cuCtxSetCurrent(void *context) { return SUCCESS; }
CUresult cuCtxGetCurrent(void **context) { *context = &a_context; return SUCCESS; }
CUresult cuCtxGetDevice(CUdevice *device) { *device = 0; return SUCCESS; }
CUresult cuCtxSetFlags(unsigned flags) { return SUCCESS; }
CUresult cuCtxSynchronize(void) { return SUCCESS; }
CUresult cuMemGetInfo_v2(size_t *free, size_t *total) { *free = *total = MEMORY; return SUCCESS; }
CUresult cuGetErrorName(CUresult error, char const **name) { *name = "STUB"; return SUCCESS; }
CUresult cuGetErrorString(CUresult error, char const **text) { *text = "the stub driver cannot do this"; return SUCCESS; }
CUresult cuGetProcAddress(char const *name, void **function, int version, unsigned long flags) {
    *function = NULL;
    return NOT_FOUND;
}
CUresult cuGetProcAddress_v2(char const *name, void **function, int version, unsigned long flags, int *status) {
    *status = 1;
    return cuGetProcAddress(name, function, version, flags);
}
