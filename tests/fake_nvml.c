/* A libnvidia-ml.so.1 without a GPU, for tests. What it answers stands in the text file that FAKE_NVML_FILE names, read
   anew at every call: lines of GPU KEY VALUE, the last one holds. "!N" in place of a value makes the call return N.
   Built with -DOLD it lacks what drivers of some years ago lack. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TIMEOUT = 10 };
enum { PARTS = 100 }; /* MIG device i of GPU g has the handle (g + 1) * PARTS + i + 1 */

typedef int Return;
typedef void *Device;
typedef unsigned long long Long;

/* 0 and *value, or the code that the file asks for; unknown keys have their default, less than 0: not supported */
static Return look(int gpu, const char *wanted, long long preset, long long *value) {
    const char *name = getenv("FAKE_NVML_FILE");
    FILE *file = name ? fopen(name, "r") : NULL;
    char key[64], text[64];
    int number;
    Return code = preset < 0 ? NOT_SUPPORTED : OK;
    *value = preset;
    while (file && fscanf(file, "%d %63s %63s", &number, key, text) == 3) {
        if (number != gpu || strcmp(key, wanted)) continue;
        code = text[0] == '!' ? atoi(text + 1) : OK;
        *value = atoll(text);
    }
    if (file) fclose(file);
    return code;
}

static long long plain(int gpu, const char *key, long long preset) {
    long long value;
    return look(gpu, key, preset, &value) ? preset : value;
}

static int is_part(Device device) { return (long)device >= PARTS; }
static int gpu_of(Device device) { return is_part(device) ? (long)device / PARTS - 1 : (long)device - 1; }

/* One number of one GPU; a GPU that is lost says so whatever is asked. */
static Return number(Device device, const char *key, long long preset, long long *value) {
    while (plain(gpu_of(device), "hang", 0)) sleep(1);
    Return lost = look(gpu_of(device), "state", 0, value);
    if (lost) return lost;
    if (is_part(device)) return strcmp(key, "memory_used") ? NOT_SUPPORTED : look(gpu_of(device), "part_used", 512, value);
    return look(gpu_of(device), key, preset, value);
}

#define ASK(key, preset) long long value; Return code = number(device, key, preset, &value); if (code) return code

Return nvmlInitWithFlags(unsigned flags) { long long value; return look(-1, "init", 0, &value); }
Return nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
Return nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(Return code) {
    return code == 9 ? "Driver Not Loaded" : code == 15 ? "GPU is lost" : "an error";
}
Return nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "580.1-fake"); return OK; }
Return nvmlDeviceGetCount_v2(unsigned *count) {
    long long value;
    Return code = look(-1, "count", 2, &value);
    *count = (unsigned)value;
    return code;
}
Return nvmlDeviceGetHandleByIndex_v2(unsigned index, Device *device) {
    long long value;
    *device = (Device)(long)(index + 1);
    return look((int)index, "handle", 0, &value);
}
Return nvmlDeviceGetName(Device device, char *text, unsigned size) {
    if (is_part(device)) snprintf(text, size, "Fake H200 MIG 1g.18gb");
    else snprintf(text, size, "Fake H200");
    return OK;
}
Return nvmlDeviceGetUUID(Device device, char *text, unsigned size) {
    if (is_part(device)) snprintf(text, size, "MIG-%d-%ld", gpu_of(device), (long)device % PARTS - 1);
    else snprintf(text, size, "GPU-%d", gpu_of(device));
    return OK;
}
struct Pci { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; };
Return nvmlDeviceGetPciInfo_v3(Device device, struct Pci *pci) {
    memset(pci, 0, sizeof *pci);
    snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", 0x1b + gpu_of(device));
    return OK;
}
struct Memory { Long total, free, used; };
Return nvmlDeviceGetMemoryInfo(Device device, struct Memory *memory) {
    ASK("memory_used", 1000);
    memory->total = (Long)80000 << 20;
    memory->used = (Long)(value + 500) << 20; /* the old form counts what is reserved as used */
    memory->free = memory->total - memory->used;
    return OK;
}
struct Memory2 { unsigned version; Long total, reserved, free, used; };
#ifndef OLD
Return nvmlDeviceGetMemoryInfo_v2(Device device, struct Memory2 *memory) {
    ASK("memory_used", 1000);
    memory->total = (Long)80000 << 20;
    memory->reserved = (Long)500 << 20;
    memory->used = (Long)value << 20;
    memory->free = memory->total - memory->used - memory->reserved;
    return OK;
}
#endif
struct Rates { unsigned gpu, memory; };
Return nvmlDeviceGetUtilizationRates(Device device, struct Rates *rates) {
    ASK("utilization", 40);
    rates->gpu = (unsigned)value;
    rates->memory = (unsigned)value / 2;
    return OK;
}
Return nvmlDeviceGetTemperature(Device device, int sensor, unsigned *degrees) {
    ASK("temperature", 55);
    *degrees = (unsigned)value;
    return OK;
}
Return nvmlDeviceGetPowerUsage(Device device, unsigned *milliwatts) {
    ASK("power", 300000);
    *milliwatts = (unsigned)value;
    return OK;
}
Return nvmlDeviceGetEnforcedPowerLimit(Device device, unsigned *milliwatts) {
    ASK("power_limit", 700000);
    *milliwatts = (unsigned)value;
    return OK;
}
/* Without a value in the file the meter runs, as the power of the file says. */
Return nvmlDeviceGetTotalEnergyConsumption(Device device, Long *millijoules) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)now.tv_sec + now.tv_nsec / 1e9;
    ASK("energy", (long long)(seconds * (double)plain(gpu_of(device), "power", 300000)));
    *millijoules = (Long)value;
    return OK;
}
Return nvmlDeviceGetClockInfo(Device device, int domain, unsigned *megahertz) {
    ASK(domain == 2 ? "memory_clock" : "sm_clock", domain == 2 ? 2619 : 1980);
    *megahertz = (unsigned)value;
    return OK;
}
Return nvmlDeviceGetPcieThroughput(Device device, int direction, unsigned *kilobytes) {
    ASK(direction == 1 ? "receive" : "transmit", direction == 1 ? 2000 : 1000);
    *kilobytes = (unsigned)value;
    return OK;
}
#ifdef OLD
Return nvmlDeviceGetCurrentClocksThrottleReasons(Device device, Long *bits) {
#else
Return nvmlDeviceGetCurrentClocksEventReasons(Device device, Long *bits) {
#endif
    ASK("throttle", 4);
    *bits = (Long)value;
    return OK;
}
Return nvmlDeviceGetTotalEccErrors(Device device, int kind, int counter, Long *count) {
    ASK(kind ? "uncorrected" : "corrected", kind ? 0 : 3);
    *count = (Long)value;
    return counter == 0 ? OK : INVALID;
}
#ifndef OLD
Return nvmlDeviceGetMigMode(Device device, unsigned *now, unsigned *pending) {
    ASK("mig", -1);
    *now = *pending = (unsigned)value;
    return OK;
}
Return nvmlDeviceGetMaxMigDeviceCount(Device device, unsigned *count) { *count = 7; return OK; }
Return nvmlDeviceGetMigDeviceHandleByIndex(Device device, unsigned index, Device *part) {
    ASK("parts", 0);
    if (index >= value) return NOT_FOUND;
    *part = (Device)(((long)device) * PARTS + index + 1);
    return OK;
}
#endif
/* The file says how many XIDs a GPU has had ("xids") and which they were ("xid"); a set tells each once. */
struct Set { int gpu; long long told; };
Return nvmlDeviceGetSupportedEventTypes(Device device, Long *types) {
    ASK("events", 8);
    *types = (Long)value;
    return OK;
}
Return nvmlEventSetCreate(struct Set **set) { *set = calloc(1, sizeof **set); return OK; }
Return nvmlDeviceRegisterEvents(Device device, Long types, struct Set *set) {
    ASK("register", 0);
    if (types != 8) return INVALID;
    set->gpu = gpu_of(device);
    set->told = plain(set->gpu, "xids", 0);
    return OK;
}
Return nvmlEventSetFree(struct Set *set) { free(set); return OK; }
struct Event { Device device; Long type, data; unsigned gpu_instance, compute_instance; };
Return nvmlEventSetWait_v2(struct Set *set, struct Event *event, unsigned milliseconds) {
    if (set->told >= plain(set->gpu, "xids", 0)) return TIMEOUT;
    set->told++;
    memset(event, 0, sizeof *event);
    event->device = (Device)(long)(set->gpu + 1);
    event->type = 8;
    event->data = (Long)plain(set->gpu, "xid", 0);
    return OK;
}
