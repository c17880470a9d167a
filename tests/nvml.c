/* What W&B asks of NVIDIA's driver library, answered for one card that is not there. */
#include <string.h>

struct Memory {
  unsigned version;
  unsigned long long total, reserved, free, used;
};

int nvmlInit_v2(void) { return 0; }
int nvmlInitWithFlags(unsigned flags) { return 0; }
int nvmlShutdown(void) { return 0; }

int nvmlSystemGetCudaDriverVersion_v2(int *version) {
  *version = 12040;
  return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
  *count = 1;
  return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
  *device = (void *)1;
  return 0;
}

int nvmlDeviceGetName(void *device, char *name, unsigned length) {
  strncpy(name, "A card", length);
  return 0;
}

int nvmlDeviceGetUtilizationRates(void *device, unsigned *rates) {
  rates[0] = 37; /* percent of time that it computes */
  rates[1] = 5;  /* percent of time that its memory is read or written */
  return 0;
}

int nvmlDeviceGetMemoryInfo_v2(void *device, struct Memory *memory) {
  memory->total = 1000;
  memory->used = 250;
  return 0;
}
