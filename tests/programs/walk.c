// Random steps of three users in a small tree: opens, makes, moves, links, modes and owners, and what came of each. Prints the
// same under every kernel that keeps the rules.
//   walk SEED STEPS FOLDER
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned long long state;
static unsigned pick(unsigned most) {
  state = state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (state >> 33) % most;
}
#define OF(list) list[pick(sizeof list / sizeof *list)]

static const char *paths[] = {"a", "b", "c", "d", "a/b", "b/c", "c/a", "a/b/c", "b/c/a", "./a", "b/../c", "a/", "d/", "a/../d", "c/d", "d/a", "d/b/", "a/c"};
static const char *texts[] = {"b", "../c", "a/b", "c/", "nothing", "d/new", "../d/new", "a", ".", "b/c/new"};
static const unsigned modes[] = {0644, 0600, 0755, 0700, 0666, 0640, 0, 0333, 0555, 0777, 0711, 0070, 0007};
static const unsigned folders[] = {0755, 0700, 0777, 02775, 0311, 01755, 0775, 0711};
static const unsigned users[] = {0, 33, 1000}, groups[] = {0, 33, 50, 1000};
static const int extra[] = {0, O_CREAT, O_CREAT | O_EXCL, O_TRUNC, O_NOFOLLOW, O_CREAT | O_TRUNC, O_CREAT | O_NOFOLLOW, O_DIRECTORY, O_APPEND, O_PATH, O_CREAT};

static void become(unsigned user) {
  gid_t more[] = {50};
  if (seteuid(0) || setgroups(user == 1000, more) || setegid(user) || seteuid(user)) _exit(9);
}

static void list(const char *folder) {
  struct dirent **names;
  int count = scandir(folder, &names, NULL, alphasort);
  for (int i = 0; i < count; i++) {
    char path[600];
    struct stat s;
    snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
    if (strcmp(names[i]->d_name, ".") && strcmp(names[i]->d_name, "..") && !lstat(path, &s)) {
      printf("  %s %o %u:%u", path, s.st_mode, s.st_uid, s.st_gid);
      if (!S_ISDIR(s.st_mode)) printf(" %u %lld", (unsigned)s.st_nlink, (long long)s.st_size);
      printf("\n");
      if (S_ISDIR(s.st_mode)) list(path);
    }
    free(names[i]);
  }
  if (count >= 0) free(names);
}

int main(int count, char **words) {
  if (count < 4) return 2;
  state = strtoull(words[1], NULL, 10) * 2654435761ULL + 1;
  int steps = atoi(words[2]);
  if (mkdir(words[3], 0777) && errno != EEXIST) return 3;
  if (chdir(words[3]) || chmod(".", 0777)) return 3;
  for (int step = 0; step < steps; step++) {
    unsigned user = OF(users), mask = pick(4) ? 022 : 0;
    const char *p = OF(paths), *q = OF(paths), *what = "";
    char told[160] = "";
    struct stat s;
    struct timespec times[2] = {{1000, 0}, {2000, 0}};
    long r = 0;
    become(user);
    umask(mask);
    errno = 0;
    switch (pick(22)) {
    case 0: case 1: case 2: case 3: case 4: {
      int flags = pick(3) | OF(extra) | O_NONBLOCK;
      unsigned mode = OF(modes);
      what = "open", snprintf(told, sizeof told, "%o %o", flags, mode);
      r = open(p, flags, mode);
      if (r >= 0) {
        if (!fstat(r, &s)) snprintf(told + strlen(told), 60, " is %o %u:%u", s.st_mode, s.st_uid, s.st_gid);
        close(r), r = 0;
      }
      break;
    }
    case 5: case 6: { unsigned mode = OF(folders); what = "mkdir", snprintf(told, 60, "%o", mode), r = mkdir(p, mode); break; }
    case 7: what = "rmdir", r = rmdir(p); break;
    case 8: what = "unlink", r = unlink(p); break;
    case 9: case 10: what = "rename", snprintf(told, 60, "%s", q), r = rename(p, q); break;
    case 11: what = "link", snprintf(told, 60, "%s", q), r = link(p, q); break;
    case 12: case 13: { const char *t = OF(texts); what = "symlink", snprintf(told, 60, "%s", t), r = symlink(t, p); break; }
    case 14: { unsigned mode = OF(modes); what = "chmod", snprintf(told, 60, "%o", mode), r = chmod(p, mode); break; }
    case 15: { unsigned u = OF(users), g = OF(groups); what = "chown", snprintf(told, 60, "%u:%u", u, g), r = chown(p, u, g); break; }
    case 16: { unsigned u = OF(users), g = OF(groups); what = "lchown", snprintf(told, 60, "%u:%u", u, g), r = lchown(p, u, g); break; }
    case 17: what = "truncate", r = truncate(p, pick(5)); break;
    case 18: { int how = pick(8); what = "access", snprintf(told, 60, "%d", how), r = faccessat(AT_FDCWD, p, how, AT_EACCESS); break; }
    case 19: what = "stat", r = stat(p, &s); if (!r) snprintf(told, 60, "%o %u:%u", s.st_mode, s.st_uid, s.st_gid); break;
    case 20: what = "times", r = utimensat(AT_FDCWD, p, pick(2) ? times : NULL, pick(2) ? AT_SYMLINK_NOFOLLOW : 0); break;
    case 21: what = "fifo", r = mkfifo(p, OF(modes)); break;
    }
    int error = errno;
    become(0);
    printf("%d %u %s %s %s: %s\n", step, user, what, p, told, r < 0 ? strerrorname_np(error) : "ok");
    if (step % 25 == 24) list(".");
  }
  return 0;
}
