/* A stand-in for libnvidia-ml.so.1, which TensorFlow asks for the links between cards: there is one card, and none. */
enum { SUCCESS = 0, NOT_SUPPORTED = 3 };

int nvmlInit(void) { return SUCCESS; }
int nvmlInit_v2(void) { return SUCCESS; }
int nvmlInitWithFlags(unsigned flags) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
char const *nvmlErrorString(int error) { return "the stub driver cannot do this"; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 1; return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = 0; return SUCCESS; }
int nvmlDeviceGetHandleByUUID(char const *uuid, void **device) { *device = 0; return SUCCESS; }
int nvmlDeviceGetHandleByPciBusId_v2(char const *id, void **device) { *device = 0; return SUCCESS; }
int nvmlDeviceGetGpuFabricInfoV(void *device, void *info) { return NOT_SUPPORTED; }
int nvmlDeviceGetNvLinkCapability(void *device, unsigned link, int what, unsigned *result) { return NOT_SUPPORTED; }
int nvmlDeviceGetNvLinkState(void *device, unsigned link, int *active) { return NOT_SUPPORTED; }
int nvmlDeviceGetFieldValues(void *device, int count, void *values) { return NOT_SUPPORTED; }
int nvmlDeviceGetP2PStatus(void *one, void *other, int index, int *status) { return NOT_SUPPORTED; }
int nvmlDeviceGetPcieSpeed(void *device, unsigned *speed) { *speed = 16000; return SUCCESS; }
int nvmlDeviceGetCurrPcieLinkWidth(void *device, unsigned *width) { *width = 16; return SUCCESS; }
int nvmlDeviceGetCurrPcieLinkGeneration(void *device, unsigned *generation) { *generation = 4; return SUCCESS; }
