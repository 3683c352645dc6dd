#!/bin/bash
# node.sh FOLDER NAME ADDRESS/PREFIX GATEWAY KUBELET — makes a node of the guest: containerd, kubelet, and a loop that runs the
# commands that are laid into FOLDER/requests. FOLDER holds the configuration; /dev/ubda is the node's own disk, with ext4.
set -u
shopt -s nullglob
folder=$1 name=$2 address=$3 gateway=$4 kubelet=$5
lap() { echo "$(cut -d' ' -f1 /proc/uptime) s: $*"; }
fail() { lap "$*" && exit 1; }

ip address add "$address" dev vec0 && ip link set vec0 up && ip route add default via "$gateway" || fail 'no network'
hostname "$name"
echo 1 >/proc/sys/net/ipv4/ip_forward
for controller in cpu io memory pids; do
  echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || lap "no cgroup controller $controller"
done

# cadvisor in the kubelet ends without a clock speed, which this kernel does not tell.
if ! grep -q 'cpu MHz' /proc/cpuinfo; then
  printf '%s\t: %s\n' processor 0 vendor_id GenuineIntel 'model name' guest 'cpu MHz' 2000.000 'physical id' 0 'core id' 0 \
    'cpu cores' 1 flags 'fpu aes' >/run/cpuinfo
  mount --bind /run/cpuinfo /proc/cpuinfo
fi

# Nothing of the node reaches the host: /var, /etc and /opt are overlays, the host's below and the node's disk above. What must not
# lie on an overlay (the upper layers of containers; volumes) is on the disk itself.
mount --make-rshared /
mkdir -p /run/disk
mount /dev/ubda /run/disk || fail 'no disk'
# Or mounts below its folders would show twice.
mount --make-private /run/disk
for top in var etc opt; do
  mkdir -p "/run/disk/upper/$top" "/run/disk/work/$top"
  mount -t overlay -o "lowerdir=/$top,upperdir=/run/disk/upper/$top,workdir=/run/disk/work/$top" "$top" "/$top" || fail "no overlay over /$top"
done
for own in kubelet containerd keyward; do
  mkdir -p "/run/disk/$own" "/var/lib/$own"
  mount --bind "/run/disk/$own" "/var/lib/$own" || fail "no /var/lib/$own"
done
mount --make-shared /var/lib/kubelet
mkdir -p /var/log/pods /etc/cni/net.d /opt/cni
ln -sfn /usr/lib/cni /opt/cni/bin
rm -f /etc/resolv.conf
cp "$folder/resolv.conf" "$folder/hosts" /etc/
cp "$folder/pods.conflist" /etc/cni/net.d/10-pods.conflist
[ -e /dev/kmsg ] || mknod /dev/kmsg c 1 11
[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
lap 'file systems and network are there'

start_containerd() {
  containerd -c "$folder/containerd.toml" >>"$folder/containerd.log" 2>&1 &
  containerd=$!
}
start_kubelet() {
  "$kubelet" --config="$folder/kubelet.yaml" --kubeconfig="$folder/kubeconfig" --hostname-override="$name" \
    --node-ip="${address%/*}" --root-dir=/var/lib/kubelet --housekeeping-interval=30s >>"$folder/kubelet.log" 2>&1 &
  pid=$!
}
# A pause without a process, which costs 100 ms here.
mkfifo /run/never
exec 9<>/run/never
pause() { read -r -t "$1" -u 9; }

start_containerd
for _ in {1..600}; do
  [ -S /run/containerd/containerd.sock ] && break
  kill -0 $containerd 2>/dev/null || fail "containerd ended: $(tail -n 2 "$folder/containerd.log")"
  pause .2
done
lap 'containerd is there'
# Before the kubelet, which would look for them.
for archive in "$folder"/images/*.tar; do
  timeout 120 ctr -n k8s.io images import "$archive" >/dev/null && rm "$archive" && lap "imported ${archive##*/}"
done
start_kubelet
cp /proc/sys/kernel/random/boot_id "$folder/boot-id.unfinished" && mv "$folder/boot-id.unfinished" "$folder/boot-id"
lap 'kubelet was started'

serve() { # FOLDER of one request
  mapfile -d '' -t argv <"$1/taken"
  "${argv[@]}" <"$1/stdin" >"$1/stdout" 2>"$1/stderr" 9>&-
  echo $? >"$1/exit-code.unfinished" && mv "$1/exit-code.unfinished" "$1/exit-code"
}
for (( ; ; )); do
  for request in "$folder"/requests/*/argv; do
    mv "$request" "${request%argv}taken" && serve "${request%/argv}" &
    # The next look must not find it again.
    while [ -e "$request" ]; do pause .02; done
  done
  # As an init system would.
  kill -0 $containerd 2>/dev/null || { lap 'containerd ended' && start_containerd; }
  kill -0 $pid 2>/dev/null || { lap 'kubelet ended' && start_kubelet; }
  pause .2
done
