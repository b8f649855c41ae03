// Kubernetes: what its API says of this node. User space hears of it and tells it; nothing is attached.
#include "kernel/report.h"

char LICENSE[] SEC("license") = "GPL";
