// Says over a socket who it is, truly and not, and prints what came of it (SCM_CREDENTIALS, unix(7)).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];

static char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];

static long send_control(void *at, size_t length) {
  char byte = 'x';
  struct iovec one = {&byte, 1};
  struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = at, .msg_controllen = length};
  errno = 0;
  return sendmsg(ends[0], &message, MSG_NOSIGNAL);
}

// what arrives: the byte, whether from this process, and a descriptor that works
static void take(void) {
  char byte = 0, room[256];
  struct iovec one = {&byte, 1};
  struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
  long r = recvmsg(ends[1], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  printf(" ->");
  if (r < 0) printf(" nothing");
  for (struct cmsghdr *h = r < 0 ? NULL : CMSG_FIRSTHDR(&message); h; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_type == SCM_CREDENTIALS) printf(" %s", ((struct ucred *)CMSG_DATA(h))->pid == getpid() ? "mine" : "another's");
    if (h->cmsg_type == SCM_RIGHTS) printf(" fd %d", fcntl(*(int *)CMSG_DATA(h), F_GETFD) >= 0), close(*(int *)CMSG_DATA(h));
  }
  printf("\n");
}

static size_t fill(int with_fd, int pid, unsigned uid, unsigned gid) {
  struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *h = CMSG_FIRSTHDR(&message);
  memset(control, 0, sizeof control);
  if (with_fd) {
    int own = 1;
    *h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof own), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(h), &own, sizeof own);
    h = (struct cmsghdr *)((char *)h + CMSG_SPACE(sizeof own));
  }
  struct ucred ids = {pid, uid, gid};
  *h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof ids), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
  memcpy(CMSG_DATA(h), &ids, sizeof ids);
  return (char *)h - control + CMSG_SPACE(sizeof ids);
}

static void claim(int with_fd, int pid, unsigned uid, unsigned gid) {
  long r = send_control(control, fill(with_fd, pid, uid, gid));
  printf("%d:%d%s %ld %s", (int)uid, (int)gid, with_fd ? " and a file" : "", r, r < 0 ? strerrorname_np(errno) : "");
  take();
}

static void all(const char *who) {
  printf("%s\n", who);
  int pid = getpid();
  claim(0, pid, geteuid(), getegid());
  claim(1, pid, getuid(), getgid());
  claim(0, pid, 33, 1000);
  claim(0, pid, 1000, 34);
  claim(0, pid, 77, 33);
  claim(0, pid, 33, 77);
  claim(0, pid, -1, 33);
  claim(0, pid, 33, -1);
}

int main(void) {
  int on = 1;
  socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
  setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  all("root");
  if (setresgid(33, 1000, 34) || setresuid(33, 1000, 33)) return 1;
  all("others");

  // the same message once more, as a program does whose socket was full
  size_t length = fill(0, getpid(), 33, 33);
  printf("once more %ld", send_control(control, length));
  take();
  printf("and again %ld", send_control(control, length));
  take();
  // one that nobody may write to, lengths that lie, addresses that are none
  char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(page, control, (length = fill(0, getpid(), 33, 33)));
  memcpy(page, control, length);
  mprotect(page, 4096, PROT_READ);
  printf("read-only %ld", send_control(page, length));
  take();
  for (long lie = 0; lie < 40; lie += 13) {
    fill(0, getpid(), 33, 33);
    memcpy(control, &lie, sizeof lie);
    long r = send_control(control, length);
    printf("length %ld: %ld %s", lie, r, r < 0 ? strerrorname_np(errno) : "");
    take();
  }
  long r = send_control((void *)16, length);
  printf("nowhere %ld %s", r, strerrorname_np(errno));
  take();
  r = sendmsg(ends[0], (void *)16, 0);
  printf("no message %ld %s\n", r, strerrorname_np(errno));
  r = send_control(NULL, 0);
  printf("silent %ld", r);
  take();
  return 0;
}
