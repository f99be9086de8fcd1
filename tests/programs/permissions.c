// What another than root may do to what is root's, and what is said of it, by all the ways that lead to a file; prints what
// came of each. What a kernel answers, a container must.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOW(...)                                                                                                      \
  do {                                                                                                                 \
    errno = 0;                                                                                                         \
    long r = __VA_ARGS__;                                                                                              \
    printf("%s: %ld %s\n", #__VA_ARGS__, r < 0 ? r : 0, r < 0 ? strerrorname_np(errno) : "");                          \
  } while (0)

static struct stat st;
static char path[128];

static void owner(const char *what) {
  if (stat(what, &st)) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %u:%u %o\n", what, st.st_uid, st.st_gid, st.st_mode);
}

static void make(const char *name, mode_t mode, uid_t uid) {
  close(open(name, O_CREAT | O_WRONLY, 0600));
  chmod(name, mode);
  if (chown(name, uid, uid)) perror("chown");
}

static int at_socket(int (*call)(int, const struct sockaddr *, socklen_t), const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, name);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  int r = call(fd, (struct sockaddr *)&address, sizeof address);
  int e = errno;
  close(fd);
  errno = e;
  return r;
}

static void owners_by_links_of_proc(void) {
  int fd = open("theirs", O_RDONLY), place = open("theirs", O_PATH), gone = open("gone", O_CREAT | O_RDWR, 0644);
  fchown(gone, 7, 8);
  unlink("gone");
  sprintf(path, "/proc/self/fd/%d", fd), owner(path);
  sprintf(path, "/proc/thread-self/fd/%d", place), owner(path);
  sprintf(path, "/proc/self/fd/%d", gone), owner(path);
  sprintf(path, "/dev/fd/%d", gone), owner(path);
  owner("/proc/self/cwd/theirs");
  owner("/proc/self/root/tmp/permissions/theirs");
  snprintf(path, sizeof path, "/proc/%d/cwd/theirs", getpid());
  printf("%s %u\n", stat(path, &st) ? "no" : "yes", st.st_uid);
  owner("/proc/self/exe");
  owner("/proc/self");
  owner("/proc/version");
  owner("/dev/null");
  owner("/sys/kernel");
  SHOW(fchown(place, 1, 1));
}

static void by_another(pid_t root) {
  owner("/proc/self");
  owner("/proc/self/status");
  owner("/proc/thread-self/stat");
  SHOW(open("/proc/self/root/etc/shadow", O_RDONLY));
  SHOW(open("/proc/self/cwd/secret", O_RDONLY));
  SHOW(chdir("/proc/self/root/tmp/permissions/closed"));
  snprintf(path, sizeof path, "/proc/%d/cwd/open", root);
  SHOW(open(path, O_RDONLY));
  SHOW(stat(path, &st));
  snprintf(path, sizeof path, "/proc/%d/environ", root);
  SHOW(open(path, O_RDONLY));
  SHOW(open("/proc/self/environ", O_RDONLY));
  SHOW(open("/proc/self/exe", O_RDONLY));

  SHOW(stat("closed/in", &st));
  SHOW(lstat("/tmp/permissions/closed/in", &st));
  SHOW(stat("to-closed", &st));
  SHOW(lstat("to-closed", &st));
  SHOW(stat("through/in", &st));
  SHOW(stat("closed/nothing", &st));
  SHOW(stat("closed", &st));
  SHOW(stat("closed/../open", &st));
  SHOW(access("closed/in", F_OK));
  SHOW(access("secret", F_OK));
  SHOW(access("secret", R_OK));
  SHOW(access("closed", W_OK));
  SHOW(open("closed/in", O_PATH));
  SHOW(open("secret", O_PATH));
  SHOW(chmod("closed/in", 0666));
  SHOW(chown("closed/in", 1000, 1000));
  SHOW(chmod("secret", 0666));
  SHOW(link("closed/in", "public/x"));
  SHOW(link("secret", "public/x"));
  SHOW(link("readable", "public/x"));
  SHOW(link("open", "public/x"));
  SHOW(link("program", "public/y"));
  SHOW(link("theirs", "public/z"));
  SHOW(unlink("closed/in"));
  SHOW(utimensat(AT_FDCWD, "closed/in", NULL, 0));

  SHOW(chdir("secret"));
  SHOW(open("secret", O_RDONLY | O_DIRECTORY));
  SHOW(open("/etc", O_WRONLY));
  SHOW(truncate("/etc", 0));
  SHOW(rename("/etc/nothing", "/etc/else"));
  SHOW(unlink("/etc/nothing"));
  SHOW(rename("/etc/passwd", "public/passwd"));
  SHOW(rename("/etc/passwd", "/etc/else"));
  SHOW(chown("secret", -1, -1));
  SHOW(chown("secret", -1, 1000));
  SHOW(open("readable", O_RDONLY | O_NOATIME));
  SHOW(open("theirs", O_RDONLY | O_NOATIME));
  SHOW(syscall(SYS_statx, AT_FDCWD, "open", 0, 0x80000000u, path));
  umask(0);
  SHOW(open("group/program", O_CREAT | O_WRONLY, 02755));
  owner("group/program");

  SHOW(chroot("/"));
  SHOW(ptrace(PTRACE_ATTACH, root, 0, 0));
  SHOW(ptrace(PTRACE_SEIZE, root, 0, 0));
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  SHOW(sched_setaffinity(root, sizeof set, &set));
  SHOW(sched_setaffinity(0, sizeof set, &set));
  SHOW(sched_setaffinity(getpid(), sizeof set, &set));
  SHOW(setpriority(PRIO_PROCESS, root, 5));
  SHOW(setpriority(PRIO_PROCESS, getpid(), 5));
  struct iovec here = {path, 1}, there = {path, 1};
  SHOW(process_vm_readv(root, &here, 1, &there, 1, 0));
  SHOW(process_vm_readv(getpid(), &here, 1, &there, 1, 0));
  SHOW(kill(root, SIGTERM));
  SHOW(kill(root, SIGCONT));

  SHOW(at_socket(connect, "closed.sock"));
  SHOW(at_socket(connect, "open.sock"));
  SHOW(at_socket(connect, "closed/sock"));
  SHOW(at_socket(connect, "nothing"));
  SHOW(at_socket(bind, "/etc/sock"));
  SHOW(at_socket(bind, "open.sock"));
  SHOW(at_socket(bind, "public/sock"));
  owner("public/sock");
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  umask(0);
  if (mkdir("/tmp/permissions", 0755) || chdir("/tmp/permissions")) return 1;
  make("theirs", 0640, 1000);
  make("secret", 0600, 0);
  make("readable", 0644, 0);
  make("open", 0666, 0);
  make("program", 04777, 0);
  mkdir("public", 0777);
  mkdir("closed", 0700);
  mkdir("closed/folder", 0755);
  make("closed/in", 0666, 0);
  make("closed/folder/in", 0666, 0);
  mkdir("group", 02777);
  chown("group", 0, 50);
  chmod("group", 02777);
  if (symlink("closed/in", "to-closed") || symlink("closed/folder", "through")) return 1;
  int listening[3];
  const char *names[] = {"closed.sock", "open.sock", "closed/sock"};
  for (int i = 0; i < 3; i++) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, names[i]);
    listening[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(listening[i], (struct sockaddr *)&address, sizeof address);
    listen(listening[i], 9);
    chmod(names[i], i ? 0777 : 0700);
  }
  owners_by_links_of_proc();
  pid_t root = getpid();
  if (fork() == 0) {
    if (setgid(1000) || setuid(1000)) return 1;
    // an exec's: one may look into oneself
    prctl(PR_SET_DUMPABLE, 1);
    by_another(root);
    return 0;
  }
  wait(NULL);
}
