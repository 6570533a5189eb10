/* The interface of compiled functions (ABI version 1).

   A function is `int32_t name(dv_context *context, dv_slot *slots)`.  The slots are, one group after
   another, the parameters and then the results:

       scalar          one slot with the value (i32 and bool in the low bits, f32 in the low 32 bits)
       array, rank r   1 + 2 r slots: pointer, r sizes, r strides (in bytes)

   Arrays are C-contiguous; input arrays are only read.  A result whose sizes follow from the
   arguments comes with a pointer to memory of the caller; any other comes with a null pointer, and the
   function fills in pointer and sizes: the caller owns that block and gives it back with
   `free((char *)pointer - DV_HEADER)`.

   The value is 0, or the number of an error code (501 for DV0501): then `site` says which check of the
   function failed and `values` what it compared; all memory that the function took is given back.
   A function may run in several threads at once, each with its own context.  */

#ifndef DERIVANT_ABI_H
#define DERIVANT_ABI_H

#include <stdint.h>

#define DV_ABI_VERSION 1
#define DV_HEADER 64

typedef union dv_slot {
    int64_t i;
    double d;
    float f;
    void *p;
} dv_slot;

typedef struct dv_context dv_context;

struct dv_context {
    int32_t cancel;                 /* set it, from any thread, to stop the function: error 510 */
    int32_t code;                   /* of the error */
    int32_t site;
    int32_t reserved;
    dv_slot values[4];
    void *chunk;                    /* arena: the current chunk, its free part, a chunk to use again */
    char *top;
    char *end;
    void *spare;
    void *heap;                     /* blocks that are not in the arena, a list */
    int32_t (*poll)(dv_context *);  /* called every now and then; not 0 to stop */
    int64_t last_poll;              /* cycle counter at the last call of `poll` */
    void (*show)(dv_context *, int32_t site, const dv_slot *values);
    void *host;                     /* for the caller's own use */
};

#endif
