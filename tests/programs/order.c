// What a kernel finds first, before it asks who may: that a name is there, or not, is a folder, or lies behind a file. Prints
// what comes of each call on each path by another than root.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SHOW(name, call)                                                                                               \
  do {                                                                                                                 \
    errno = 0;                                                                                                         \
    long r = call;                                                                                                     \
    printf(" %s %s", name, r < 0 ? strerrorname_np(errno) : "done");                                                   \
  } while (0)

static int bound(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, path);
  return bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

static void all(const char *path) {
  char *program[] = {"x", NULL};
  printf("%s:", path);
  SHOW("unlink", unlink(path));
  SHOW("rmdir", rmdir(path));
  SHOW("mkdir", mkdir(path, 0777));
  SHOW("symlink", symlink("x", path));
  SHOW("mknod", mknod(path, S_IFREG | 0600, 0));
  SHOW("bind", bound(path));
  SHOW("link", link("/etc/passwd", path));
  SHOW("link of one's own", link("/tmp/own", path));
  SHOW("rename", rename(path, "/tmp/new"));
  SHOW("rename none to", rename("/tmp/none", path));
  SHOW("rename to", rename("/tmp/own", path));
  SHOW("create", open(path, O_CREAT | O_WRONLY, 0666));
  SHOW("create to read", open(path, O_CREAT | O_RDONLY, 0666));
  SHOW("create anew", open(path, O_CREAT | O_EXCL | O_WRONLY, 0666));
  SHOW("open", open(path, O_WRONLY));
  SHOW("open folder", open(path, O_RDONLY | O_DIRECTORY));
  SHOW("truncate", truncate(path, 0));
  SHOW("chmod", chmod(path, 0777));
  SHOW("chown", chown(path, 1000, 1000));
  SHOW("utimes", utimensat(AT_FDCWD, path, NULL, 0));
  SHOW("execute", execv(path, program));
  SHOW("access", access(path, W_OK));
  struct stat seen;
  SHOW("stat", stat(path, &seen));
  SHOW("chdir", chdir(path));
  printf("\n");
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  umask(022);
  mkdir("/tmp/o", 0755), mkdir("/tmp/o/folder", 0755), mkdir("/tmp/o/closed", 0700);
  close(open("/tmp/o/file", O_CREAT | O_WRONLY, 0644)), close(open("/tmp/o/closed/file", O_CREAT | O_WRONLY, 0644));
  symlink("file", "/tmp/o/link"), symlink("nothing", "/tmp/o/dangling"), symlink("closed", "/tmp/o/way");
  if (setgroups(0, NULL) || setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000)) return 1;
  close(open("/tmp/own", O_CREAT | O_WRONLY, 0644));
  const char *paths[] = {"none", "none/", "none/x", "file", "file/", "file/x", "folder", "folder/", "folder/x",
                         "link", "link/", "link/x", "dangling", "dangling/", "closed", "closed/file", "closed/none",
                         "closed/", "way/file", "way", ".", "..", "folder/.", "folder/.."};
  char path[64];
  for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) sprintf(path, "/tmp/o/%s", paths[i]), all(path);
  all("/");
  all("");
  struct stat seen;
  chmod("/tmp/own", 06755), stat("/tmp/own", &seen), printf("own %o\n", seen.st_mode);
  int fd = open("/tmp/own", O_PATH);
  SHOW("chmod of a place", fchmod(fd, 0600));
  SHOW("of a file", fchmod(open("/tmp/own", O_RDONLY), 0640));
  SHOW("of none", fchmod(99, 0640));
  SHOW("of root's", fchmod(open("/tmp/o/file", O_RDONLY), 0666));
  SHOW("by a folder", fchmodat(open("/tmp", O_RDONLY), "own", 0644, 0));
  stat("/tmp/own", &seen), printf("\nown %o\n", seen.st_mode);
  return 0;
}
