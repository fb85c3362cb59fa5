// libFuzzer and the address sanitizer, as far as the targets call them. Their headers are part of no package.
#include <stddef.h>
#include <stdint.h>

// Fuzzes `run` as the arguments say, beginning with argv[0]; returns the program's exit status.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*run)(const uint8_t *data, size_t size));

// What is allocated and not freed at this moment, in bytes.
size_t __sanitizer_get_current_allocated_bytes(void);
