// A listener of seccomp_unotify(2) that does no more than an honest answer to root needs, where every file is root's: who asks
// (prlimit(2)), the path from the asker's memory, one look at the file, whether the asker still waits, the answer. It stands for
// what the kernel's part of a question costs on a machine. Its threads are bound to a CPU each where there are several.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1ul
#endif

static const int watched[] = {SYS_geteuid, SYS_setresuid, SYS_newfstatat, SYS_fstat, SYS_stat, SYS_lstat, SYS_statx,
                              SYS_chown, SYS_openat, SYS_open, SYS_unlink, SYS_unlinkat, SYS_execve, SYS_access};
#define WATCHED (int)(sizeof watched / sizeof *watched)

static int load(void) {
  struct sock_filter code[WATCHED + 3] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  for (int n = 0; n < WATCHED; n++)
    code[n + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, watched[n], WATCHED - n, 0);
  code[WATCHED + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  code[WATCHED + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  struct sock_fprog filter = {WATCHED + 3, code};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                 SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &filter);
}

struct desk {
  int listener, seat, is_bound;
};

// The folders of askers in /proc, by thread id.
struct folder {
  pid_t tid;
  int fd;
};

static int folder_of(struct folder *folders, int listener, const struct seccomp_notif *question) {
  struct folder *folder = &folders[question->pid % 64];
  char name[32];
  if (folder->tid == (pid_t)question->pid && !faccessat(folder->fd, "cwd", F_OK, AT_SYMLINK_NOFOLLOW)) return folder->fd;
  if (folder->tid) close(folder->fd);
  snprintf(name, sizeof name, "/proc/%d", question->pid);
  folder->fd = open(name, O_PATH | O_CLOEXEC);
  folder->tid = question->pid;
  ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &question->id);
  return folder->fd;
}

static struct stat shown(const struct statx *x) {
  return (struct stat){.st_dev = makedev(x->stx_dev_major, x->stx_dev_minor), .st_ino = x->stx_ino, .st_nlink = x->stx_nlink,
                       .st_mode = x->stx_mode, .st_rdev = makedev(x->stx_rdev_major, x->stx_rdev_minor), .st_size = x->stx_size,
                       .st_blksize = x->stx_blksize, .st_blocks = x->stx_blocks,
                       .st_atim = {x->stx_atime.tv_sec, x->stx_atime.tv_nsec}, .st_mtim = {x->stx_mtime.tv_sec, x->stx_mtime.tv_nsec},
                       .st_ctim = {x->stx_ctime.tv_sec, x->stx_ctime.tv_nsec}};
}

static int read_path(pid_t pid, unsigned long at, char *path, size_t size) {
  struct iovec here = {path, size - 1}, there = {(void *)at, size - 1};
  path[0] = path[size - 1] = 0;
  return process_vm_readv(pid, &here, 1, &there, 1, 0) > 0 ? 0 : -EFAULT;
}

static void look(struct folder *folders, int listener, const struct seccomp_notif *question, struct seccomp_notif_resp *answer,
                 int dirfd, unsigned long at, unsigned long to, int flags) {
  char path[256] = "", name[300];
  struct statx x;
  if (at && read_path(question->pid, at, path, sizeof path)) {
    answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    return;
  }
  int folder = AT_FDCWD, is_own = !strncmp(path, "/proc/self", 10) || !strncmp(path, "/dev/", 5);
  if (path[0] != '/') {
    folder = folder_of(folders, listener, question);
    if (!path[0]) snprintf(name, sizeof name, "fd/%d", dirfd);
    else if (dirfd == AT_FDCWD) snprintf(name, sizeof name, "cwd/%s", path);
    else snprintf(name, sizeof name, "fd/%d/%s", dirfd, path);
  }
  if (is_own || (path[0] != '/' && !path[0] && dirfd == AT_FDCWD)) {
    answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    return;
  }
  if (statx(folder, path[0] == '/' ? path : name, path[0] ? flags & AT_SYMLINK_NOFOLLOW : 0, STATX_BASIC_STATS, &x)) {
    answer->error = -errno;
    return;
  }
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &question->id)) return;
  struct stat bytes = shown(&x);
  struct iovec here = {&bytes, sizeof bytes}, there = {(void *)to, sizeof bytes};
  if (process_vm_writev(question->pid, &here, 1, &there, 1, 0) < 0) answer->error = -EFAULT;
}

static void change_owner(const struct seccomp_notif *question, struct seccomp_notif_resp *answer) {
  char path[256], owner[32];
  struct statx x;
  answer->error = read_path(question->pid, question->data.args[0], path, sizeof path);
  if (answer->error || statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &x)) return;
  int length = snprintf(owner, sizeof owner, "%d:%d", (int)question->data.args[1], (int)question->data.args[2]);
  if (question->data.args[1] || question->data.args[2]) setxattr(path, "user.bare", owner, length, 0);
}

static void *serve(void *of) {
  struct desk *desk = of;
  struct folder folders[64] = {0};
  struct seccomp_notif question;
  struct rlimit limit;
  if (desk->is_bound) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(desk->seat % sysconf(_SC_NPROCESSORS_ONLN), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  for (;;) {
    memset(&question, 0, sizeof question);
    if (ioctl(desk->listener, SECCOMP_IOCTL_NOTIF_RECV, &question)) {
      struct pollfd listener = {.fd = desk->listener};
      poll(&listener, 1, 0);
      if (listener.revents & POLLHUP) return NULL; // nobody is left who could ask
      continue;
    }
    struct seccomp_notif_resp answer = {.id = question.id};
    const __u64 *a = question.data.args;
    switch (question.data.nr) {
    case SYS_geteuid:
    case SYS_setresuid: prlimit(question.pid, RLIMIT_LOCKS, NULL, &limit); break;
    case SYS_newfstatat: look(folders, desk->listener, &question, &answer, a[0], a[1], a[2], a[3]); break;
    case SYS_stat: look(folders, desk->listener, &question, &answer, AT_FDCWD, a[0], a[1], 0); break;
    case SYS_lstat: look(folders, desk->listener, &question, &answer, AT_FDCWD, a[0], a[1], AT_SYMLINK_NOFOLLOW); break;
    case SYS_fstat: look(folders, desk->listener, &question, &answer, a[0], 0, a[1], 0); break;
    case SYS_chown: change_owner(&question, &answer); break;
    default:
      prlimit(question.pid, RLIMIT_LOCKS, NULL, &limit);
      answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    }
    ioctl(desk->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

static int sent(int by) {
  char byte, space[CMSG_SPACE(sizeof(int))];
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  int fd = -1;
  if (recvmsg(by, &message, 0) == 1 && CMSG_FIRSTHDR(&message)) memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

static void send_by(int by, int fd) {
  char byte = 0, space[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  sendmsg(by, &message, 0);
}

// Has a process `run` below a listener of so many threads; returns its exit status.
static int bare(int threads, void (*run)(void *), void *with) {
  int pair[2], status;
  socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
  pid_t asker = fork();
  if (!asker) {
    int listener = load();
    if (listener < 0) perror("seccomp");
    send_by(pair[1], listener);
    close(listener);
    run(with);
    fflush(stdout);
    _exit(0);
  }
  int listener = sent(pair[0]);
  if (listener < 0) return 1;
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
  struct desk desks[16];
  pthread_t all[16];
  for (int n = 0; n < threads && n < 16; n++) {
    desks[n] = (struct desk){listener, n, threads > 1};
    pthread_create(&all[n], NULL, serve, &desks[n]);
  }
  waitpid(asker, &status, 0);
  for (int n = 0; n < threads && n < 16; n++) pthread_join(all[n], NULL);
  close(listener);
  return WEXITSTATUS(status);
}
