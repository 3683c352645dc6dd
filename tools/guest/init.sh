#!/bin/bash
# Process 1 of the guest. KEYWARD_GUEST_STATE, from the kernel command line, is the state folder on the host:
# argv, environ, exposed (each NUL-separated), cwd, modules, stdin go in; stdout, stderr, exit-code come out.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Seen from a user namespace on the host, root's files belong to nobody, and mount(8), which is set-uid, would run as nobody.
setpriv --no-new-privs mount -t proc proc /proc
setpriv --no-new-privs mount -o remount,bind,nosuid /
mount -t sysfs sys /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=0755 run /run
mkdir -p /run/host /run/lock /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t cgroup2 cgroup /sys/fs/cgroup 2>/dev/null
ln -sfn /proc/self/fd /dev/fd
for i in 0:stdin 1:stdout 2:stderr; do ln -sfn "/proc/self/fd/${i%%:*}" "/dev/${i##*:}"; done
mount -t hostfs -o "$KEYWARD_GUEST_STATE" none /run/host

# The file systems just mounted hide host folders that the command asked to see.
mapfile -d '' -t exposed </run/host/exposed
for folder in "${exposed[@]}"; do mkdir -p "$folder" && mount -t hostfs -o "$folder" none "$folder"; done

# The guest kernel's modules live beside the host's. Where the host has no /lib/modules none is made there (a host folder
# outlives the guest): a modprobe before the real one, also for the kernel itself, looks in a folder of ours instead.
release=$(uname -r)
if [ -d /lib/modules ] && mount -t tmpfs modules /lib/modules; then
  ln -s "/usr/lib/uml/modules/$release" "/lib/modules/$release"
else
  mkdir -p /run/modules/lib/modules && ln -s "/usr/lib/uml/modules/$release" "/run/modules/lib/modules/$release"
  printf '#!/bin/sh\nexec %s -d /run/modules "$@"\n' "$(command -v modprobe)" >/run/modules/modprobe
  chmod +x /run/modules/modprobe
  echo /run/modules/modprobe >/proc/sys/kernel/modprobe
fi
read -r -a modules </run/host/modules
for module in "${modules[@]}"; do "$(cat /proc/sys/kernel/modprobe)" "$module" || echo "guest: module $module is not to be had"; done
hostname guest
ip link set lo up
echo "guest: ready after $(cut -d' ' -f1 /proc/uptime) s"

# Synchronous appends go straight through hostfs, so the caller sees output as it is written.
mkfifo /run/stdout /run/stderr
dd if=/run/stdout of=/run/host/stdout bs=64k oflag=append,sync conv=notrunc status=none &
out=$!
dd if=/run/stderr of=/run/host/stderr bs=64k oflag=append,sync conv=notrunc status=none &
err=$!
mapfile -d '' -t argv </run/host/argv
mapfile -d '' -t environ </run/host/environ
(
  unset KEYWARD_GUEST_STATE TERM HOME
  for variable in "${environ[@]}"; do export "$variable" 2>/dev/null; done # bash refuses names that are none, such as BASH_FUNC_x%%
  export PATH="/run/modules:$PATH:/usr/local/sbin:/usr/sbin:/sbin" TMPDIR=/tmp DM_DISABLE_UDEV=1 KEYWARD_GUEST=1
  cd -- "$(cat /run/host/cwd)" && exec setsid -w "${argv[@]}"
) </run/host/stdin >/run/stdout 2>/run/stderr
code=$?
# A daemon that the command left behind may hold the pipes: wait for the last output, but not for ever.
for _ in $(seq 100); do kill -0 $out 2>/dev/null || kill -0 $err 2>/dev/null || break; sleep .02; done
# A filesystem whose storage is gone, such as that of a cluster which the command has ended, would hold this up for ever.
sync &
for _ in $(seq 100); do kill -0 $! 2>/dev/null || break; sleep .1; done
echo $code >/run/exit-code
cp /run/exit-code /run/host/exit-code.unfinished && mv /run/host/exit-code.unfinished /run/host/exit-code
echo "guest: done after $(cut -d' ' -f1 /proc/uptime) s"
echo o >/proc/sysrq-trigger
sleep 5
