#ifndef CALLOCATIONCOUNT_H
#define CALLOCATIONCOUNT_H

/// Returns how many allocations the program has made. Counts only with glibc; elsewhere it returns 0.
unsigned long allocation_count(void);

#endif
