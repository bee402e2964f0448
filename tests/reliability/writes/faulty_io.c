/* Counts the writes of this process below one folder, and lets the n-th fail, or ends the process there.

   Preloaded (LD_PRELOAD), so that SQLite, DuckDB and Python are met alike. A write is whatever changes what a kill or a
   full disk would leave: bytes, lengths, names, and the wish to have them on the disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, FAIL, KILL, TEAR };

static char folder[PATH_MAX];
static int armed, mode;
static pid_t armed_pid;
static long counted, at;
static char last_name[64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void faulty_io_arm(const char *below, int how, long number) {
    pthread_mutex_lock(&lock);
    snprintf(folder, sizeof folder, "%s/", below);
    mode = how;
    at = number;
    counted = 0;
    armed_pid = getpid();
    armed = 1;
    pthread_mutex_unlock(&lock);
}

void faulty_io_disarm(void) { armed = 0; }

long faulty_io_counted(void) { return counted; }

const char *faulty_io_where(void) { return last_name; }

static int is_below(const char *path) {
    char absolute[PATH_MAX];
    if (!armed || path == NULL || getpid() != armed_pid) return 0;
    if (path[0] != '/') {
        if (getcwd(absolute, sizeof absolute) == NULL) return 0;
        strncat(absolute, "/", sizeof absolute - strlen(absolute) - 1);
        strncat(absolute, path, sizeof absolute - strlen(absolute) - 1);
        path = absolute;
    }
    return strncmp(path, folder, strlen(folder)) == 0;
}

static int is_file_below(int descriptor, char *name, size_t size) {
    char link[64];
    ssize_t length;
    if (!armed || getpid() != armed_pid) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    length = readlink(link, name, size - 1);
    if (length <= 0) return 0;
    name[length] = 0;
    return is_below(name);
}

/* The verdict on one write: 0 it goes on, else it fails. A torn one returns 2: half of it is done, then all ends. */
static int judge(const char *what, const char *path) {
    int verdict = 0;
    pthread_mutex_lock(&lock);
    if (armed && ++counted == at) {
        const char *base = strrchr(path, '/');
        snprintf(last_name, sizeof last_name, "%s %.40s", what, base ? base + 1 : path);
        if (mode == KILL) {
            kill(getpid(), SIGKILL);
            pause();
        }
        verdict = mode == FAIL ? 1 : mode == TEAR ? 2 : 0;
    }
    pthread_mutex_unlock(&lock);
    return verdict;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))
#define DIE() do { kill(getpid(), SIGKILL); pause(); } while (0)

ssize_t write(int descriptor, const void *data, size_t size) {
    char name[PATH_MAX];
    if (is_file_below(descriptor, name, sizeof name)) {
        int verdict = judge("write", name);
        if (verdict == 1) { errno = ENOSPC; return -1; }
        if (verdict == 2) { REAL(write)(descriptor, data, size / 2); DIE(); }
    }
    return REAL(write)(descriptor, data, size);
}

#define PWRITE(function, offset_type) \
    ssize_t function(int descriptor, const void *data, size_t size, offset_type offset) { \
        char name[PATH_MAX]; \
        if (is_file_below(descriptor, name, sizeof name)) { \
            int verdict = judge("pwrite", name); \
            if (verdict == 1) { errno = ENOSPC; return -1; } \
            if (verdict == 2) { REAL(function)(descriptor, data, size / 2, offset); DIE(); } \
        } \
        return REAL(function)(descriptor, data, size, offset); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define ON_DESCRIPTOR(function, error, parameters, arguments) \
    int function parameters { \
        char name[PATH_MAX]; \
        if (is_file_below(descriptor, name, sizeof name)) { \
            int verdict = judge(#function, name); \
            if (verdict == 1) { errno = error; return -1; } \
            if (verdict == 2) DIE(); \
        } \
        return REAL(function) arguments; \
    }
ON_DESCRIPTOR(fsync, EIO, (int descriptor), (descriptor))
ON_DESCRIPTOR(fdatasync, EIO, (int descriptor), (descriptor))
ON_DESCRIPTOR(ftruncate, ENOSPC, (int descriptor, off_t size), (descriptor, size))
ON_DESCRIPTOR(ftruncate64, ENOSPC, (int descriptor, off64_t size), (descriptor, size))
ON_DESCRIPTOR(fallocate, ENOSPC, (int descriptor, int how, off_t from, off_t size), (descriptor, how, from, size))

int posix_fallocate(int descriptor, off_t from, off_t size) {
    char name[PATH_MAX];
    if (is_file_below(descriptor, name, sizeof name)) {
        int verdict = judge("fallocate", name);
        if (verdict == 1) return ENOSPC;
        if (verdict == 2) DIE();
    }
    return REAL(posix_fallocate)(descriptor, from, size);
}

#define ON_PATH(function, error, parameters, arguments) \
    int function parameters { \
        if (is_below(path)) { \
            int verdict = judge(#function, path); \
            if (verdict == 1) { errno = error; return -1; } \
            if (verdict == 2) DIE(); \
        } \
        return REAL(function) arguments; \
    }
ON_PATH(unlink, EIO, (const char *path), (path))
ON_PATH(rmdir, EIO, (const char *path), (path))
ON_PATH(mkdir, ENOSPC, (const char *path, mode_t how), (path, how))
ON_PATH(rename, ENOSPC, (const char *path, const char *to), (path, to))
ON_PATH(symlink, ENOSPC, (const char *to, const char *path), (to, path))

#define OPEN(function) \
    int function(const char *path, int flags, ...) { \
        mode_t how = 0; \
        va_list more; \
        va_start(more, flags); \
        if (flags & (O_CREAT | O_TMPFILE)) how = va_arg(more, mode_t); \
        va_end(more); \
        if ((flags & (O_CREAT | O_TRUNC)) && is_below(path) && ((flags & O_TRUNC) || access(path, F_OK) != 0)) { \
            int verdict = judge("open", path); \
            if (verdict == 1) { errno = ENOSPC; return -1; } \
            if (verdict == 2) DIE(); \
        } \
        return REAL(function)(path, flags, how); \
    }
OPEN(open)
OPEN(open64)
