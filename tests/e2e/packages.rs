//! Debian's own packages, installed and used in one container whose user has one id on the host: the postinst scripts make
//! users and give files away, daemons leave root, clients are known by who they are.
//!
//! Each step is a shell script that must end well and print what its line says. One container serves all, since the
//! installation is most of the time; a step that fails does not keep the others from being done.

use std::time::Duration;

use crate::support::{self, Sandbox, registry};

const PACKAGES: &str = "postgresql mariadb-server nginx-light redis-server openssh-server openssh-client sudo cron dbus \
    postfix gosu procps curl acl libcap2-bin rsync cpio";

/// Before everything: no postinst starts a daemon, as in docker's own Debian images.
const INSTALL: &str = r#"
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
echo 'postfix postfix/main_mailer_type string Local only' | debconf-set-selections
apt-get -qq update && apt-get -qq install -y --no-install-recommends $PACKAGES >/tmp/install.log 2>&1 ||
    { tail -30 /tmp/install.log; exit 1; }
"#;

/// What is done, by which script, and what its output must contain.
const STEPS: &[(&str, &str, &[&str])] = &[
    (
        "the installation is whole",
        "dpkg --audit; echo audited",
        &["audited"],
    ),
    (
        "cron takes what a user asks for",
        r#"useradd -m -s /bin/bash -p '*' foo
           echo '* * * * * id >/tmp/by-cron; stat -c \%U /tmp/by-cron >>/tmp/by-cron' | crontab -u foo - && stat -c '%U:%G %a' /var/spool/cron/crontabs/foo
           su foo -c 'crontab -l' | grep -c by-cron; su foo -c 'cat /var/spool/cron/crontabs/foo' 2>&1 | grep -o 'Permission denied'
           cron; ps -o user= -C cron"#,
        &["foo:crontab 600\n1\nPermission denied\nroot"],
    ),
    (
        "apt leaves root for its downloads",
        "stat -c %U /var/lib/apt/lists/partial /var/cache/apt/archives/partial",
        &["_apt\n_apt"],
    ),
    (
        "Debian's own cluster of postgresql was made and serves its user alone",
        r#"stat -c '%U:%G %a' /var/lib/postgresql/*/main
           version=$(ls /etc/postgresql); sed -i 's/^port.*/port = 25432/; s/^#listen_addresses.*/listen_addresses = '"''"'/' /etc/postgresql/$version/main/postgresql.conf
           pg_ctlcluster $version main start && su postgres -c "psql -p 25432 -Atc 'select current_user'"
           psql -p 25432 -U postgres -c 'select 1' 2>&1 | grep -o 'Peer authentication failed'
           pg_ctlcluster $version main stop && echo stopped"#,
        &[
            "postgres:postgres 700",
            "\npostgres\n",
            "Peer authentication failed",
            "stopped",
        ],
    ),
    (
        "postgresql as docker's image starts it",
        r#"export PATH=$PATH:$(echo /usr/lib/postgresql/*/bin) PGDATA=/srv/pg
           postgres -D /srv/none 2>&1 | grep -o 'root.*not permitted'
           install -d -o postgres -g postgres -m 700 $PGDATA
           gosu postgres initdb -D $PGDATA --auth-local=peer >/tmp/initdb.log 2>&1 || cat /tmp/initdb.log
           gosu postgres pg_ctl -D $PGDATA -o '-p 25433 -c listen_addresses=' -l /tmp/pg.log -w start >/dev/null || cat /tmp/pg.log
           gosu postgres psql -p 25433 -Atc "create table t (a int); insert into t values (42); select a from t" | tail -1
           gosu postgres pg_ctl -D $PGDATA -w stop >/dev/null; stat -c '%U %a' $PGDATA/base $PGDATA/PG_VERSION"#,
        &["not permitted", "42", "postgres 700\npostgres 600"],
    ),
    (
        "mariadb knows its clients by who they are",
        r#"rm -rf /var/lib/mysql && install -d -o mysql -g mysql /var/lib/mysql /run/mysqld
           mariadb-install-db --user=mysql --datadir=/var/lib/mysql >/tmp/install-db.log 2>&1 || tail /tmp/install-db.log
           mariadbd --user=mysql --skip-networking --socket=/run/mysqld/test.sock >/tmp/mariadb.log 2>&1 &
           for i in $(seq 60); do mariadb -S /run/mysqld/test.sock -e 'select 1' >/dev/null 2>&1 && break; sleep 0.5; done
           ps -o user= -C mariadbd
           mariadb -S /run/mysqld/test.sock -Ne 'select current_user()'
           gosu mysql mariadb -S /run/mysqld/test.sock -Ne 'select current_user()'
           gosu nobody mariadb -S /run/mysqld/test.sock -u root -e 'select 1' 2>&1 | grep -o 'Access denied'
           mariadb-admin -S /run/mysqld/test.sock shutdown; wait; echo ended"#,
        &["mysql\nroot@localhost\nmysql@localhost\nAccess denied\nended"],
    ),
    (
        "nginx's workers are www-data's",
        r#"printf 'user www-data; worker_processes 2; daemon off; pid /tmp/n.pid; error_log stderr; events {} http { access_log off; server { listen unix:/tmp/nginx.sock; root /srv/www; } }' >/tmp/n.conf
           mkdir -p /srv/www && echo page >/srv/www/index.html && echo secret >/srv/www/secret && chmod 600 /srv/www/secret
           nginx -c /tmp/n.conf & for i in $(seq 50); do [ -S /tmp/nginx.sock ] && break; sleep 0.1; done
           curl -s --unix-socket /tmp/nginx.sock http://x/; ps -o user= -C nginx | sort | uniq -c | tr -s ' '
           kill %1; wait; echo ended"#,
        &["page\n", "1 root", "2 www-data", "ended"],
    ),
    (
        "redis leaves root",
        r#"install -d -o redis /srv/redis && cd /srv/redis
           gosu redis redis-server --port 0 --unixsocket /tmp/redis.sock --save '' >/tmp/redis.log 2>&1 &
           for i in $(seq 50); do [ -S /tmp/redis.sock ] && break; sleep 0.1; done
           redis-cli -s /tmp/redis.sock set a b; redis-cli -s /tmp/redis.sock save; redis-cli -s /tmp/redis.sock get a
           ps -o user= -C redis-server; stat -c '%U' dump.rdb; redis-cli -s /tmp/redis.sock shutdown nosave; wait; echo ended"#,
        &["OK\nOK\nb\nredis\nredis\nended"],
    ),
    (
        "sshd logs users in by key, each as who he is",
        r#"mkdir -p /root/.ssh /home/foo/.ssh /run/sshd
           ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id
           for home in /root /home/foo; do cp /root/.ssh/id.pub $home/.ssh/authorized_keys; done
           chown -R foo:foo /home/foo/.ssh; chmod 700 /home/foo/.ssh
           /usr/sbin/sshd -p $PORT -o ListenAddress=127.0.0.1 -o UsePAM=yes -E /tmp/sshd.log; sleep 0.5
           login() { ssh -i /root/.ssh/id -p $PORT -o StrictHostKeyChecking=no -o LogLevel=ERROR "$@" || tail -5 /tmp/sshd.log; }
           login foo@127.0.0.1 'id -un; id -gn; touch /tmp/by-foo; stat -c %U /tmp/by-foo; cat /etc/shadow 2>&1 | grep -o "Permission denied"'
           login root@127.0.0.1 'id -un'
           login -tt foo@127.0.0.1 'stat -c "%U %G" $(tty)'
           chown root /home/foo/.ssh/authorized_keys; chmod 600 /home/foo/.ssh/authorized_keys
           ssh -i /root/.ssh/id -p $PORT -o StrictHostKeyChecking=no -o BatchMode=yes foo@127.0.0.1 true 2>&1 | grep -o 'Permission denied'
           kill $(cat /run/sshd.pid); echo ended"#,
        &[
            "foo\nfoo\nfoo\nPermission denied\n",
            "\nroot\n",
            "foo tty",
            "ended",
        ],
    ),
    (
        "the message bus knows its peers",
        r#"mkdir -p /run/dbus; dbus-daemon --system --fork; ask() { dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetConnectionUnixUser string:org.freedesktop.DBus; }
           ask | tail -1; ps -o user= -C dbus-daemon
           su foo -c 'dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames' | grep -c string; pkill dbus-daemon; echo ended"#,
        &["uint32", "messagebus", "ended"],
    ),
    (
        "sudo and su go there and back",
        r#"echo 'foo ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/foo; chmod 440 /etc/sudoers.d/foo
           su foo -c 'id -un; sudo id -un; sudo -u www-data id -un; sudo sh -c "echo by root >/root/made"; id -un; cat /root/made 2>&1 | grep -o "Permission denied"'
           su - foo -c 'echo $HOME; id -un'; stat -c '%U %a' /usr/bin/sudo /root/made
           chown foo /etc/sudoers.d/foo; su foo -c 'sudo -n id' 2>&1 | grep -o 'owned by uid'"#,
        &[
            "foo\nroot\nwww-data\nfoo\nPermission denied\n/home/foo\nfoo\nroot 4755\nroot 644",
            "owned by uid",
        ],
    ),
    (
        "other ways to another id",
        r#"runuser -u www-data -- id -un; setpriv --reuid 33 --regid 33 --clear-groups id; chroot --userspec=7:8 --groups=9 / id
           gosu nobody:nogroup id; su -s /bin/sh nobody -c 'id -u'; setpriv --reuid 1234 --clear-groups sh -c 'id -u; sudo -n true' 2>&1"#,
        &[
            "www-data\nuid=33(www-data) gid=33(www-data) groups=33(www-data)",
            "uid=7(lp) gid=8(mail) groups=8(mail),9(news)",
            "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)\n65534\n1234",
        ],
    ),
    (
        "users are added, changed and removed",
        r#"useradd -m -G sudo,adm bar && id bar && stat -c '%U:%G' /home/bar && usermod -u 4321 bar && stat -c %u /home/bar
           passwd -S bar | cut -d' ' -f1,2; userdel -r bar 2>/dev/null; id bar 2>&1; groupadd -g 7777 seven && chgrp seven /tmp/by-foo && stat -c %G /tmp/by-foo"#,
        &["groups=", "bar:bar\n4321\nbar L", "no such user", "seven"],
    ),
    (
        "postfix delivers to a mailbox of the user's",
        r#"postconf -e inet_interfaces=loopback-only maillog_file=/var/log/mail.log mydestination=localhost smtputf8_enable=no myhostname=localhost
           sed -i '/^smtp *inet/d' /etc/postfix/master.cf; postfix start >/dev/null 2>&1; sleep 1
           printf 'Subject: test\n\nhello\n' | sendmail foo@localhost
           for i in $(seq 40); do [ -s /var/mail/foo ] && break; sleep 0.25; done
           stat -c '%U:%G %a' /var/mail/foo; grep -c ^hello /var/mail/foo; ps -o user= -C qmgr; postfix stop >/dev/null 2>&1; echo ended"#,
        &["foo:mail 600\n1\npostfix\nended"],
    ),
    (
        "archives keep owners, modes and devices",
        r#"mkdir -p /tmp/a && cd /tmp/a && echo x >f && chown 77:78 f && chmod 4750 f && ln -s f l && chown -h 5:6 l && mknod null c 1 3 && chown 3:4 null && mkfifo p && chown 9:10 p
           mkdir d && chmod 2770 d && chown 1000:1000 d && ln f hard
           for way in tar cp rsync cpio; do rm -rf /tmp/b && mkdir /tmp/b; case $way in
               tar) tar -C /tmp/a -c . | tar -C /tmp/b -xp ;; cp) cp -a /tmp/a/. /tmp/b ;; rsync) rsync -aHD /tmp/a/ /tmp/b ;; cpio) find . | cpio --quiet -pdm /tmp/b ;; esac
               list() { (cd $1 && find . -mindepth 1 -printf '%P %y %m %U:%G %n %l\n' | sort); }
               [ "$(list /tmp/a)" = "$(list /tmp/b)" ] && echo same $way || { echo differ $way; list /tmp/b; }; done; list /tmp/a; stat -c '%F %t:%T' null"#,
        &[
            "same tar\nsame cp\nsame rsync\nsame cpio\nd d 2770 1000:1000 2 \nf f 4750 77:78 2 \nhard f 4750 77:78 2 \nl l 777 5:6 1 f\nnull c 644 3:4 1 \np p 644 9:10 1 \ncharacter special file 1:3",
        ],
    ),
    (
        "what is not one's own cannot be changed",
        r#"echo root >/srv/roots; chmod 644 /srv/roots; mkdir -p /srv/closed; chmod 700 /srv/closed
           su foo -c 'test -w /srv/roots || echo not writable; cat /etc/shadow 2>&1 >/dev/null | grep -o "Permission denied"
               chown foo /srv/roots 2>&1 | grep -o "not permitted"; chmod 777 /srv/roots 2>&1 | grep -o "not permitted"
               (echo x >/srv/roots) 2>&1 | grep -o "Permission denied"; kill 1 2>&1 | grep -o "not permitted"'; cat /srv/roots"#,
        &[
            "not writable\nPermission denied\nnot permitted\nnot permitted\nPermission denied\nnot permitted\nroot",
        ],
    ),
    (
        "capabilities and access lists of files",
        r#"cp /bin/true /tmp/able && setcap cap_net_bind_service+ep /tmp/able && getcap /tmp/able
           touch /tmp/listed && setfacl -m g::r,o::- /tmp/listed && getfacl -cn /tmp/listed"#,
        &["cap_net_bind_service=ep", "user::rw-"],
    ),
    (
        "streams may be given away",
        "chown www-data /dev/stdout; ln -sf /dev/stdout /tmp/log && chown www-data: /tmp/log && echo given; ps -o user=,args= -p 1",
        &["given", "root"],
    ),
    (
        "cron has run it as that user",
        r#"for i in $(seq 150); do [ -s /tmp/by-cron ] && break; sleep 0.5; done; sleep 0.2; cat /tmp/by-cron; pkill -x cron; echo ended"#,
        &["uid=", "(foo) gid=", "\nfoo\nended"],
    ),
];

#[test]
fn debians_packages_install_and_work() {
    let Some(image) = registry::get().and_then(registry::Registry::debian) else {
        return support::skipped("no Debian root: tests/run makes one");
    };
    let sandbox = Sandbox::new();
    let run = [
        "run",
        "-d",
        "--name",
        "all",
        "--network",
        "host",
        &image,
        "sleep",
        "3000",
    ];
    sandbox.coracle(run).ok();
    let reach = [
        "exec",
        "all",
        "apt-get",
        "-qq",
        "-o",
        "Acquire::Retries=1",
        "update",
    ];
    let reached = sandbox
        .coracle(reach)
        .limit(Duration::from_secs(120))
        .output();
    if reached.code != 0
        && !reached.stderr.contains("setresuid")
        && !reached.stderr.contains("Operation not permitted")
    {
        return support::skipped(&format!(
            "no Debian mirror in reach: {}",
            reached.stderr.trim()
        ));
    }
    let install = INSTALL.replace("$PACKAGES", PACKAGES);
    let installed = sandbox.coracle(["exec", "all", "bash", "-c", &install]);
    installed
        .limit(Duration::from_secs(900))
        .output()
        .expect_code(0);
    let mut failed = String::new();
    let port = format!("PORT={}", 20_000 + std::process::id() % 20_000);
    for (what, script, wanted) in STEPS {
        let step = sandbox.coracle(["exec", "-e", &port, "all", "bash", "-c", script]);
        let output = step.limit(Duration::from_secs(90)).output();
        for text in wanted
            .iter()
            .filter(|text| !format!("\n{}", output.stdout).contains(**text))
        {
            failed += &format!(
                "{what}: no {text:?} in\n{}\n{}\n",
                output.stdout, output.stderr
            );
        }
    }
    assert!(failed.is_empty(), "{failed}");
    sandbox.coracle(["rm", "-f", "-v", "all"]).ok();
}
