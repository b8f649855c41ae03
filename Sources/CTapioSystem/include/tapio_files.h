// Files of other processes. All give a descriptor, or a negative errno; none ever waits, nor opens anything but a
// regular file: to open a device may do something.
#pragma once

/// Opens a file to be read.
int tapio_open_regular(const char *path);

/// The same for a path as a process sees it whose root directory is `root_fd`: no link in it, whoever made it, leads
/// out of there.
int tapio_open_in_root(int root_fd, const char *path);
