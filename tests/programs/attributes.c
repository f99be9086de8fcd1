// Extended attributes of files that belong to somebody, read, copied and changed by root and by another; prints what came
// of each. What a kernel answers, a container must.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SHOW(call)                                                                                                     \
  do {                                                                                                                 \
    errno = 0;                                                                                                         \
    long r = call;                                                                                                     \
    printf("%s: %ld %s\n", #call, r, r < 0 ? strerrorname_np(errno) : "");                                             \
  } while (0)

static char value[4096];
// vfs_cap_data, revision 2: CAP_CHOWN
static const char capability[20] = {0, 0, 0, 2, 1};

static void make(const char *path, mode_t mode, uid_t owner) {
  close(open(path, O_CREAT | O_WRONLY, 0600));
  chmod(path, mode);
  if (chown(path, owner, owner)) perror("chown");
}

// As `cp --preserve=xattr` and rsync -X do.
static void copy(const char *from, const char *to) {
  char names[4096];
  long n = llistxattr(from, names, sizeof names);
  for (char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
    if (strncmp(name, "security.selinux", 16) == 0) continue;
    long size = lgetxattr(from, name, value, sizeof value);
    int r = lsetxattr(to, name, value, size, 0);
    printf("copied %s: %d %s\n", name, r, r < 0 ? strerrorname_np(errno) : "");
  }
  struct stat stat;
  lstat(to, &stat);
  printf("%s: %u:%u %o\n", to, stat.st_uid, stat.st_gid, stat.st_mode);
}

static void by_root(void) {
  SHOW(listxattr("theirs", value, sizeof value));
  SHOW(llistxattr("link", value, sizeof value));
  SHOW(llistxattr("fifo", value, sizeof value));
  SHOW(lgetxattr("link", "security.capability", value, sizeof value));
  SHOW(lgetxattr("fifo", "security.capability", value, sizeof value));
  SHOW(lremovexattr("link", "security.capability"));
  SHOW(getxattr("nothing", "user.x", value, sizeof value));
  SHOW(setxattr("theirs", "user.x", "1", 1, 0));
  SHOW(listxattr("theirs", NULL, 0));
  SHOW(listxattr("theirs", value, 3));
  SHOW(listxattr("theirs", value, sizeof value));
  puts(value);
  make("copy", 0644, 0);
  copy("theirs", "copy");
  make("fifo2", 0644, 0);
  copy("fifo", "fifo2");
}

static void by_another(void) {
  SHOW(setxattr("closed", "user.x", "1", 1, 0));
  SHOW(getxattr("closed", "user.x", value, sizeof value));
  SHOW(removexattr("closed", "user.x"));
  SHOW(setxattr("open", "user.x", "1", 1, 0));
  SHOW(getxattr("open", "user.y", value, sizeof value));
  SHOW(getxattr("open", "user.x", value, sizeof value));
  SHOW(removexattr("open", "user.x"));
  SHOW(setxattr("theirs", "user.y", "2", 1, 0));
  SHOW(setxattr("sticky", "user.x", "1", 1, 0));
  SHOW(getxattr("sticky", "user.x", value, sizeof value));
  SHOW(setxattr("theirs", "security.capability", capability, sizeof capability, 0));
  SHOW(removexattr("theirs", "security.capability"));
  SHOW(setxattr("fifo", "user.x", "1", 1, 0));
  SHOW(setxattr("folder/in", "user.x", "1", 1, 0));
  int fd = open("open", O_RDONLY);
  SHOW(fsetxattr(fd, "user.z", "1", 1, 0));
  SHOW(fgetxattr(fd, "user.z", value, sizeof value));
  umask(022);
  make("public/mine", 0644, 1000);
  copy("/etc/passwd", "public/mine");
  copy("theirs", "public/mine");
  copy("open", "public/mine");
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  umask(0);
  if (mkdir("/tmp/attributes", 0755) || chdir("/tmp/attributes")) return 1;
  make("theirs", 0644, 1000);
  make("closed", 0600, 0);
  make("open", 0666, 0);
  mkdir("sticky", 01777);
  mkdir("public", 0777);
  mkdir("folder", 0700);
  make("folder/in", 0666, 0);
  mkfifo("fifo", 0644);
  if (chown("fifo", 7, 8) || symlink("theirs", "link") || lchown("link", 1000, 1000)) return 1;
  by_root();
  if (fork() == 0) {
    if (setgid(1000) || setuid(1000)) return 1;
    by_another();
    // a record of ours is none for programs
    setxattr("public/mine", "user.coracle.ids", "0:0:f:4755", 10, 0);
    removexattr("public/mine", "user.coracle.ids");
    struct stat stat;
    lstat("public/mine", &stat);
    printf("%u\n", stat.st_uid);
    return 0;
  }
  wait(NULL);
}
