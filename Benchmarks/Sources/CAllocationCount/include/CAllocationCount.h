#ifndef CALLOCATIONCOUNT_H
#define CALLOCATIONCOUNT_H

/// How many times memory has been asked for by this program.
unsigned long allocation_count(void);

#endif
