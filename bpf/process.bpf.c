#include "kernel/emit.h"

char LICENSE[] SEC("license") = "GPL";
