# Makes files by links that lead to nothing, and others by their names: where, whose, or why not. Runs as user 33 in its folder
# /srv/q, beside root's /srv/p; links.txt was recorded under real root.
use Fcntl;
use Socket;
chdir "/srv/q";

sub t { my ($what, $done) = @_; print "$what: ", $done ? "ok" : "$!", "\n"; }
symlink("/srv/p/x","l");
symlink("l","l2");
symlink("../p/y","rel");
symlink("a1","a2");
symlink("a2","a1");
symlink("sub/z","sz");
symlink("../new","sub/up");
symlink("/srv/q/sub/nodir/f","nd");
symlink("/srv/p/","pd");
symlink("d/", "dd");
symlink("sub/slash/","sl");
symlink($_ == 40 ? "/srv/p/far" : "m" . ($_ + 1), "m$_") for 0 .. 40;
t("41 links", sysopen(F, "m0", O_CREAT|O_WRONLY));
t("40 links", sysopen(F, "m1", O_CREAT|O_WRONLY));
symlink($_ == 40 ? "far" : "n" . ($_ + 1), "n$_") for 1 .. 40;
t("40 links to one's own", sysopen(F, "n1", O_CREAT|O_WRONLY));
t("open l", sysopen(F,"l",O_CREAT|O_WRONLY));
t("open l2", sysopen(F,"l2",O_CREAT|O_WRONLY,0600));
t("rel",sysopen(F,"rel",O_CREAT|O_RDWR));
t("loop",sysopen(F,"a1",O_CREAT|O_WRONLY));
t("sz",sysopen(F,"sz",O_CREAT|O_WRONLY,0640));
t("up",sysopen(F,"sub/up",O_CREAT|O_WRONLY));
t("nd",sysopen(F,"nd",O_CREAT|O_WRONLY));
t("pd",sysopen(F,"pd/w",O_CREAT|O_WRONLY));
t("excl",sysopen(F,"l",O_CREAT|O_EXCL|O_WRONLY));
t("nofollow",sysopen(F,"l",O_CREAT|O_NOFOLLOW|O_WRONLY));
t("mkdir l",mkdir("l"));
t("mkdir l/",mkdir("l/"));
t("mkdir sl",mkdir("sl"));
t("mkdir rel/",mkdir("rel/"));
t("symlink",symlink("q","l"));
t("link",link("sub","l"));
t("rename",rename("l","pd/l"));
socket(S,PF_UNIX,SOCK_STREAM,0);
t("bind",bind(S,pack_sockaddr_un("l")));
t("trunc",truncate("l",0));
t("abs",sysopen(F,"/srv/q/l",O_CREAT|O_WRONLY));
t("slash",sysopen(F,"l/",O_CREAT|O_WRONLY));
t("dd",sysopen(F,"dd",O_CREAT|O_WRONLY));
t("sl",sysopen(F,"sl",O_CREAT|O_WRONLY));
t("trunc2",sysopen(F,"l",O_CREAT|O_TRUNC|O_WRONLY));
t("append",sysopen(F,"sz",O_CREAT|O_APPEND|O_WRONLY));
