/* The tools that all situations use. Each header says what it is about. */
#ifndef KIT_H
#define KIT_H

#include "check.h"
#include "namespace.h"
#include "process.h"
#include "scan.h"
#include "seccomp.h"

#endif
