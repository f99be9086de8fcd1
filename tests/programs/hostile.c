// A program that means harm to who answers its calls, and to who else is there. Root starts each attack as a program of
// another user's and says how it ended: a signal is one that hung or fell. `hostile` prints what any kernel answers too,
// `hostile refused` what is refused here alone.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOW(call)                                                                                                     \
  do {                                                                                                                 \
    errno = 0;                                                                                                         \
    long r = call;                                                                                                     \
    printf("%s: %s\n", #call, r < 0 ? strerrorname_np(errno) : "done");                                                \
  } while (0)

static char *self;
static pid_t roots, neighbours; // a process of root's and one of another user's
static volatile int stop;
static char racing[64];

static void owner(const char *path) {
  struct stat seen;
  if (lstat(path, &seen)) printf("%s %s\n", path, strerrorname_np(errno));
  else printf("%s %d:%d %o\n", path, seen.st_uid, seen.st_gid, seen.st_mode);
}

static int become(unsigned id) { return setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id); }

static pid_t sleeper(void) {
  pid_t child = fork();
  if (!child)
    for (;;) pause();
  return child;
}

// what a filter does not see, or what would hide calls from it
static void hidden(void) {
  long zero[16] = {0};
  SHOW(syscall(SYS_clone3, zero, sizeof zero));
  SHOW(syscall(425, 8, zero)); // io_uring_setup
  struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {1, &allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
  SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
#ifdef __x86_64__
  SHOW(syscall(0x40000000 + SYS_getuid));
  SHOW(syscall(0x40000000 + SYS_setresuid, 0, 0, 0));
#endif
  printf("euid %ld\n", syscall(SYS_geteuid));
}

#ifdef __x86_64__
static long old(long number, long a, long b, long c, long d) {
  long r;
  asm volatile("int $0x80" : "=a"(r) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(0L) : "memory", "r8", "r9", "r10", "r11");
  return r;
}

// the calls of 32-bit programs: getuid, getuid32, setreuid32, chown32, open, chmod, unlink, kill
static void narrow(void) {
  char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  strcpy(low, "/tmp/h/roots");
  printf("narrow %ld %ld\n", old(24, 0, 0, 0, 0), old(199, 0, 0, 0, 0));
  printf("root again %ld\n", old(203, 0, 0, 0, 0));
  printf("chown %ld\n", old(212, (long)low, 1000, 1000, 0));
  printf("open %ld\n", old(5, (long)low, O_RDONLY, 0, 0));
  printf("chmod %ld unlink %ld kill %ld\n", old(15, (long)low, 0777, 0, 0), old(10, (long)low, 0, 0, 0), old(37, roots, 9, 0, 0));
  printf("odd %ld %ld\n", old(195, 16, 16, 0, 0), old(212, 0xffffff00, 0, 0, 0));
  printf("narrow %ld %ld\n", old(24, 0, 0, 0, 0), old(199, 0, 0, 0, 0));
}
#endif

// the limit that carries who one is: forged for oneself, a child, others, with bits that the kernel ignores
static void limits(void) {
  struct rlimit64 forged = {0x0c0a000000000001, ~0ull}, seen = {0};
  int child = sleeper(), status;
  SHOW(syscall(SYS_prlimit64, roots, 10, &forged, &seen));
  SHOW(syscall(SYS_prlimit64, neighbours, 10, &forged, &seen));
  syscall(SYS_prlimit64, roots, 0x500000000aul, NULL, &seen);
  syscall(SYS_prlimit64, 0, 10, &forged, NULL);
  syscall(SYS_prlimit64, child, 10, &forged, NULL);
  syscall(SYS_prlimit64, child, 0x500000000aul, &forged, NULL);
  syscall(SYS_setrlimit, 0xf0000000aul, &forged);
#ifdef __x86_64__
  memcpy(racing, &forged, sizeof forged);
  old(340, 0, 10, (long)racing, 0), old(340, child, 10, (long)racing, 0), old(75, 10, (long)racing, 0, 0);
#endif
  SHOW(syscall(SYS_prlimit64, 0, 10, 16, NULL));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  child = fork();
  if (!child) _exit(syscall(SYS_geteuid) != 1000 || syscall(SYS_getuid) != 1000);
  waitpid(child, &status, 0);
  printf("still %ld, child %d\n", syscall(SYS_geteuid), status);
  SHOW(open("/tmp/h/roots", O_RDONLY));
}

// processes of others: traced, looked into, ended, and their files by their folder in /proc
static void others(void) {
  char path[64], byte;
  struct iovec here = {&byte, 1}, there = {self, 1};
  for (int n = 0; n < 2; n++) {
    pid_t pid = n ? neighbours : roots;
    SHOW(ptrace(PTRACE_SEIZE, pid, 0, 0));
    SHOW(ptrace(PTRACE_ATTACH, pid, 0, 0));
    SHOW(process_vm_readv(pid, &here, 1, &there, 1, 0));
    SHOW(kill(pid, SIGKILL));
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    SHOW(open(path, O_RDWR));
    snprintf(path, sizeof path, "/proc/%d/root/tmp/h/roots", pid);
    SHOW(open(path, O_RDONLY));
  }
}

static const char *paths[2];

static void *flip(void *unused) {
  (void)unused;
  for (int n = 0; !stop; n ^= 1) strcpy(racing, paths[n]);
  return NULL;
}

// the link that a path goes over leads to one's own folder and to root's
static void *swap(void *unused) {
  (void)unused;
  while (!stop) {
    syscall(SYS_rename, "/tmp/m/1", "/tmp/m/way");
    syscall(SYS_symlink, "/tmp/m/own", "/tmp/m/1");
    syscall(SYS_rename, "/tmp/m/1", "/tmp/m/way");
    syscall(SYS_symlink, "/tmp/h/closed", "/tmp/m/1");
  }
  return NULL;
}

// names one file when it is judged and another when it is used: what is written down of owners, and what is shown
static void race(void) {
  pthread_t thread;
  struct stat seen, other;
  int wrong = 0;
  mkdir("/tmp/m", 0755), mkdir("/tmp/m/own", 0755);
  close(open("/tmp/m/mine", O_CREAT | O_WRONLY, 0644));
  stat("/tmp/h/roots", &other);
  paths[0] = "/tmp/m/mine", paths[1] = "/tmp/h/roots";
  strcpy(racing, paths[0]);
  pthread_create(&thread, NULL, flip, NULL);
  for (int i = 0; i < 600; i++) {
    syscall(SYS_chown, racing, 1000, 1000);
    syscall(SYS_fchownat, AT_FDCWD, racing, -1, 1000, 0);
    syscall(SYS_chmod, racing, 0644);
    if (!syscall(SYS_newfstatat, AT_FDCWD, racing, &seen, 0)) wrong += seen.st_ino == other.st_ino && seen.st_uid;
  }
  stop = 1;
  pthread_join(thread, NULL);
  stop = 0;
  syscall(SYS_symlink, "/tmp/m/own", "/tmp/m/way"); // what is not there is the kernel's to say, which looks again
  pthread_create(&thread, NULL, swap, NULL);
  for (int i = 0; i < 300; i++) {
    syscall(SYS_mkdir, "/tmp/m/way/folder", 0777);
    syscall(SYS_chown, "/tmp/m/way/kept", 1000, 1000);
    syscall(SYS_mknod, "/tmp/m/way/fifo", S_IFIFO | 0666, 0);
    syscall(SYS_symlink, "there", "/tmp/m/way/link");
    close(open("/tmp/m/way/new", O_CREAT | O_EXCL | O_WRONLY, 0644));
    rmdir("/tmp/m/own/folder"), unlink("/tmp/m/own/fifo"), unlink("/tmp/m/own/link"), unlink("/tmp/m/own/new");
  }
  stop = 1;
  pthread_join(thread, NULL);
  printf("wrong %d\n", wrong);
}

// memory that comes and goes while it is read and written
static char *page;

static void *vanish(void *unused) {
  (void)unused;
  while (!stop) {
    mmap(page, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    pwrite(-1, page, 0, 0);
    munmap(page, 8192);
  }
  return NULL;
}

static void memory(void) {
  pthread_t thread;
  int odd = 0;
  page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_create(&thread, NULL, vanish, NULL);
  for (int i = 0; i < 800; i++) {
    char *at = i % 2 ? page : page + 4090;
    long results[] = {
        syscall(SYS_newfstatat, AT_FDCWD, "/tmp", at, 0), syscall(SYS_newfstatat, AT_FDCWD, at, at, 0),
        syscall(SYS_getresuid, at, at + 4, at + 8),       syscall(SYS_chown, at, -1, -1),
        syscall(SYS_openat, AT_FDCWD, at, O_RDONLY),      syscall(SYS_execve, at, at, at),
        syscall(SYS_prlimit64, 0, 10, NULL, at),          syscall(SYS_capget, at, at),
    };
    (void)results;
    odd += syscall(SYS_geteuid) != 1000;
  }
  stop = 1;
  pthread_join(thread, NULL);
  printf("odd %d\n", odd);
  for (long at = -8; at <= 8; at += 8) {
    SHOW(syscall(SYS_newfstatat, AT_FDCWD, "/tmp", at, 0));
    SHOW(syscall(SYS_chown, at, 0, 0));
    SHOW(syscall(SYS_setgroups, 4, at));
    SHOW(syscall(SYS_getresuid, at, at, at));
  }
  SHOW(syscall(SYS_setgroups, -1, racing));
  SHOW(syscall(SYS_getgroups, -1, racing));
}

static void *change(void *unused) {
  (void)unused;
  for (;;) {
    syscall(SYS_setresuid, 1000, 1000, 0);
    syscall(SYS_setresuid, 1000, 0, 0);
  }
  return NULL;
}

static void *execute(void *unused) {
  (void)unused;
  execl(self, self, "settled", NULL);
  _exit(7);
}

// one thread executes a program while another changes ids: it is one of both, and afterwards that one alone
static void threads(void) {
  int odd = 0;
  for (int i = 0; i < 60; i++) {
    int child = fork(), status;
    if (!child) {
      pthread_t thread;
      alarm(10);
      setresgid(1000, 1000, 1000);
      pthread_create(&thread, NULL, change, NULL);
      usleep(i * 20);
      if (i % 2) execute(NULL);
      pthread_create(&thread, NULL, execute, NULL);
      for (;;) pause();
    }
    waitpid(child, &status, 0);
    odd += status != 0;
  }
  printf("settled but %d\n", odd);
}

// what the program of `threads` finds: the ids of one state, which do not change any more
static int settled(void) {
  unsigned first[3], now[3];
  syscall(SYS_getresuid, first, first + 1, first + 2);
  for (int i = 0; i < 20; i++) {
    syscall(SYS_getresuid, now, now + 1, now + 2);
    if (memcmp(first, now, sizeof now) || syscall(SYS_geteuid) != now[1]) return 3;
  }
  return 0;
}

static void *execute_opens(void *unused) {
  (void)unused;
  execl(self, self, "opens", NULL);
  _exit(7);
}

// a thread executes a program, which so becomes its process's first thread: what was known of that one is not the program's
static void successor(void) {
  int opened = 0;
  for (int i = 0; i < 20; i++) {
    int child = fork(), status;
    if (!child) {
      pthread_t thread;
      struct stat seen;
      stat("/tmp/h", &seen);
      pthread_create(&thread, NULL, execute_opens, NULL);
      for (;;) pause();
    }
    waitpid(child, &status, 0);
    opened += status != 0;
  }
  printf("opened %d\n", opened);
}

// one's own child that is stopped, looked at, changed and killed while it asks
static void trace(void) {
  int reached = 0, status;
  for (int i = 0; i < 60; i++) {
    int child = fork();
    if (!child) {
      struct stat seen;
      for (;;) {
        syscall(SYS_newfstatat, AT_FDCWD, "/tmp/h/roots", &seen, 0);
        syscall(SYS_setresuid, -1, -1, -1);
      }
    }
    if (ptrace(PTRACE_SEIZE, child, 0, 0)) printf("seize %s\n", strerrorname_np(errno));
    for (int n = 0; n < 5; n++) {
      usleep(i * 5);
      ptrace(PTRACE_INTERRUPT, child, 0, 0);
      if (waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status)) break;
      reached++;
#ifdef __x86_64__
      if (n == 3) ptrace(PTRACE_POKEUSER, child, offsetof(struct user_regs_struct, rsi), 16);
#endif
      ptrace(n == 4 ? PTRACE_DETACH : PTRACE_SYSCALL, child, 0, 0);
      if (n == 2) waitpid(child, &status, __WALL), ptrace(PTRACE_CONT, child, 0, 0);
    }
    kill(child, i % 2 ? SIGKILL : SIGSTOP);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
  printf("traced %s\n", reached > 60 ? "all" : "few");
}

// a namespace in which one would be root: whatever it says, the others' files stay closed
static void namespace(void) {
  int status, child = fork();
  if (!child) {
    if (syscall(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNS)) _exit(0);
    int map = open("/proc/self/uid_map", O_WRONLY);
    if (map < 0 || write(map, "0 0 1", 5) < 0) map = -1;
    syscall(SYS_setresuid, 0, 0, 0);
    int is_read = open("/tmp/h/roots", O_RDWR) >= 0, is_taken = !chown("/tmp/h/roots", 1000, 1000);
    int is_gone = !unlink("/tmp/h/kept");
    _exit(is_read | is_taken << 1 | is_gone << 2);
  }
  waitpid(child, &status, 0);
  printf("namespace %d\n", status);
  SHOW(syscall(SYS_pivot_root, "/tmp/m", "/tmp/m"));
  SHOW(chroot("/tmp/m"));
  SHOW(open("/tmp/h/roots", O_RDONLY));
}

// where a filter lets everybody make a namespace: from there neither the limit that says who others are is changed, nor is a
// process of theirs ended
static void elsewhere(void) {
  struct rlimit64 forged = {~0ull, ~0ull}, seen = forged;
  int ready[2], status;
  char byte;
  if (pipe(ready)) _exit(9);
  pid_t sibling = fork();
  if (!sibling) _exit(read(ready[0], &byte, 1) != 1 || syscall(SYS_geteuid) != 1000);
  SHOW(unshare(CLONE_NEWUSER));
  syscall(SYS_prlimit64, roots, 10, NULL, &forged);
  syscall(SYS_prlimit64, 0, 10, NULL, &seen);
  printf("shown %d\n", seen.rlim_cur != ~0ull || forged.rlim_cur != ~0ull);
  if (forged.rlim_cur == ~0ull) forged.rlim_cur = 0x0c0a000000000000;
  syscall(SYS_prlimit64, sibling, 10, &forged, NULL);
  SHOW(kill(roots, SIGKILL));
  if (write(ready[1], "", 1) != 1) _exit(9);
  waitpid(sibling, &status, 0);
  printf("sibling %d\n", status);
}

// many processes, each of which changes its ids and asks who it is
static void bomb(void) {
  int odd = 0, status;
  for (int i = 0; i < 200; i++) {
    pid_t child = fork();
    if (child) continue;
    for (unsigned n = 0; n < 10; n++) {
      unsigned id = 2000 + i, seen[3];
      if (syscall(SYS_setresuid, -1, id, 0) || syscall(SYS_getresuid, seen, seen + 1, seen + 2)) _exit(1);
      if (seen[0] || seen[1] != id || seen[2] || !fork()) _exit(seen[1] != id);
      if (syscall(SYS_setresuid, -1, 0, 0)) _exit(2);
    }
    while (wait(&status) > 0) odd += status != 0;
    if (become(2000 + i) || !syscall(SYS_setresuid, -1, 0, -1)) odd++;
    _exit(odd);
  }
  while (wait(&status) > 0) odd += status != 0;
  printf("odd %d\n", odd);
}

// a root below which the same path names another file
static void rooted(void) {
  mkdir("/tmp/r", 0755), mkdir("/tmp/r/tmp", 0755), mkdir("/tmp/r/tmp/h", 0755);
  close(open("/tmp/r/tmp/h/roots", O_CREAT | O_WRONLY, 0600));
  int odd = 0, status;
  for (int i = 0; i < 20; i++) {
    int child = fork();
    if (!child) {
      struct stat seen;
      if (chroot("/tmp/r") || chdir("/")) _exit(1);
      for (int n = 0; n < 50; n++)
        if (chown("/tmp/h/roots", 3000 + i, 3000) || chown("/tmp/h/../../../tmp/h/roots", 3000 + i, 3000)) _exit(2);
      _exit(stat("/tmp/h/roots", &seen) || seen.st_gid != 3000 ? 3 : 0);
    }
  }
  while (wait(&status) > 0) odd += status != 0;
  printf("odd %d\n", odd);
}

static struct attack {
  const char *name;
  void (*run)(void);
  unsigned id;
  int is_ours; // refused here and not by a kernel; 2: for a container whose filter lets everybody make a namespace
} attacks[] = {
    {"hidden", hidden, 1000, 1},
#ifdef __x86_64__
    {"narrow", narrow, 1000, 0},
#endif
    {"limits", limits, 1000, 0}, {"others", others, 1000, 0}, {"memory", memory, 1000, 0},
    {"race", race, 1000, 0},     {"trace", trace, 1000, 0},   {"namespace", namespace, 1000, 0},
    {"successor", successor, 1000, 0}, {"elsewhere", elsewhere, 1000, 2},
    {"threads", threads, 0, 0},  {"bomb", bomb, 0, 0},        {"rooted", rooted, 0, 0},
};

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  self = argv[0];
  if (argc > 1 && !strcmp(argv[1], "settled")) return settled();
  if (argc > 1 && !strcmp(argv[1], "opens")) return open("/tmp/h/roots", O_RDONLY) >= 0;
  int is_ours = argc == 2;
  if (argc > 2) {
    roots = atoi(argv[2]), neighbours = atoi(argv[3]);
    for (unsigned i = 0; i < sizeof attacks / sizeof *attacks; i++)
      if (!strcmp(argv[1], attacks[i].name)) attacks[i].run();
    return 0;
  }
  umask(022);
  mkdir("/tmp/h", 0755), mkdir("/tmp/h/closed", 0755);
  close(open("/tmp/h/roots", O_CREAT | O_WRONLY, 0600));
  close(open("/tmp/h/kept", O_CREAT | O_WRONLY, 0644));
  close(open("/tmp/h/closed/kept", O_CREAT | O_WRONLY, 0644));
  roots = sleeper();
  neighbours = fork();
  if (!neighbours) {
    if (become(1001)) return 9;
    for (;;) pause();
  }
  char numbers[2][12];
  sprintf(numbers[0], "%d", roots), sprintf(numbers[1], "%d", neighbours);
  for (unsigned i = 0; i < sizeof attacks / sizeof *attacks; i++) {
    int status, child;
    if (attacks[i].is_ours != is_ours) continue;
    printf("== %s\n", attacks[i].name);
    child = fork();
    if (!child) {
      alarm(40); // takes a second; a hung one is ended and told
      if (attacks[i].id && become(attacks[i].id)) _exit(9);
      execl(self, self, attacks[i].name, numbers[0], numbers[1], NULL);
      _exit(8);
    }
    waitpid(child, &status, 0);
    if (status) printf("ended by %x\n", status);
  }
  owner("/tmp/h/roots"), owner("/tmp/h/kept"), owner("/tmp/h/closed"), owner("/tmp/h/closed/kept");
  const char *made[] = {"folder", "fifo", "link", "new"};
  for (int i = 0; i < 4; i++) {
    char path[64];
    sprintf(path, "/tmp/h/closed/%s", made[i]), owner(path);
  }
  printf("alive %d %d, euid %d\n", kill(roots, 0), kill(neighbours, 0), geteuid());
  kill(roots, SIGKILL), kill(neighbours, SIGKILL);
  return 0;
}
