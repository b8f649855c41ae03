#include "tapio_objects.h"

#include <string.h>

// The linker gathers the entries that the generated files place in this section and names its ends.
extern const struct tapio_bpf_object __start_tapio_bpf_objects[] __attribute__((weak));
extern const struct tapio_bpf_object __stop_tapio_bpf_objects[] __attribute__((weak));

size_t tapio_bpf_object_count(void)
{
	return (size_t)(__stop_tapio_bpf_objects - __start_tapio_bpf_objects);
}

const struct tapio_bpf_object *tapio_bpf_object_at(size_t index)
{
	return index < tapio_bpf_object_count() ? &__start_tapio_bpf_objects[index] : NULL;
}

const struct tapio_bpf_object *tapio_bpf_object_find(const char *name)
{
	for (size_t i = 0; i < tapio_bpf_object_count(); i++)
		if (strcmp(__start_tapio_bpf_objects[i].name, name) == 0)
			return &__start_tapio_bpf_objects[i];
	return NULL;
}
