/**
 * First process of a PID namespace: its end ends every other one in there, whatever they did to get away. It lives on when
 * asked to end, so that the agent has its grace. It says on descriptor 3 that the agent begins, or that there is none.
 */
const WARD = `
program=$1
shift
if ! command -v "$program" >/dev/null 2>&1; then printf missing >&3; exit 127; fi
printf ready >&3
exec 3>&-
trap : TERM
"$@"
exit $?
`;

/** The agent under another account: \`$1\` is its program, the rest the whole command. */
export const WARD_SCRIPT = `set -u${WARD}`;

/**
 * Makes a file system of its own for the agent: nothing but what is listed, and of that only a few directories to write to.
 * Arguments: the directory to build it in; then, carried out one by one, `read PATH`, `link TEXT PATH`, `hide PATH`,
 * `devices`, `write FROM PATH`; `run DIRECTORY`; then as above. It is a shell script because there is no other way to
 * mount(2) from here; every value is an argument, none becomes part of the text.
 */
export const NAMESPACE_SCRIPT = `set -eu
umask 022
agent_path=$PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=$1
shift
into() {
  if [ -d "$1" ]; then mkdir -p "$root$2"; else
    mkdir -p "$root\${2%/*}"
    [ -e "$root$2" ] || : > "$root$2"
  fi
  mount --rbind "$1" "$root$2"
}
# With what came along, such as a disk that is mounted below it. A blank stands as \\040 in the list; behind the zero that
# printf wants it takes three digits more and no digit of the name.
seal() {
  sed 's/\\\\/\\\\0/g' /proc/self/mountinfo | {
    sealed=no
    while read -r _ _ _ _ target _; do
      case $target in *\\\\*) target=$(printf %b "$target") ;; esac
      case $target in "$root$1" | "$root$1"/*) mount -o remount,bind,ro "$target"; sealed=yes ;; esac
    done
    [ $sealed = yes ]
  }
}
devices() {
  mkdir -p "$root/proc" "$root/dev/pts" "$root/dev/shm"
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  for device in null zero full random urandom tty; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,nosuid,noexec devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777,nosuid,nodev sandbox "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  ln -s /proc/self/fd/0 "$root/dev/stdin"
  ln -s /proc/self/fd/1 "$root/dev/stdout"
  ln -s /proc/self/fd/2 "$root/dev/stderr"
}
mount -t tmpfs -o mode=0755,size=4m sandbox "$root"
while [ "$1" != run ]; do
  case $1 in
    read) into "$2" "$2"; seal "$2"; shift 2 ;;
    link) mkdir -p "$root\${3%/*}"; ln -s "$2" "$root$3"; shift 3 ;;
    hide) [ ! -d "$root$2" ] || mount -t tmpfs -o mode=0755,size=1m,nosuid,nodev sandbox "$root$2"; shift 2 ;;
    devices) devices; shift ;;
    write) into "$2" "$3"; shift 3 ;;
  esac
done
mount -o remount,bind,ro "$root"
cd "$root"
pivot_root . .
umount -l .
cd "$2"
shift 2
PATH=$agent_path
set +e${WARD}`;
