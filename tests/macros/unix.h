// SPDX-License-Identifier: MIT
// Macros of Unix headers: complex.h, termios.h, sys/sysmacros.h, sys/param.h, utmp.h, resolv.h, curses.h (whose short
// words are functions in C++), netinet, Solaris' regset.h, and the names that compilers predefine for their systems.
#define I (__extension__ 1.0iF)
#define complex _Complex
#define imaginary _Imaginary
#define B0 0000000
#define B50 0000001
#define B75 0000002
#define B110 0000003
#define B300 0000007
#define ECHO 0000010
#define ICANON 0000002
#define TAB1 0004000
#define TAB3 0014000
#define NL0 0000000
#define CR1 0001000
#define FF0 0000000
#define FF1 0100000
#define BS0 0000000
#define VT0 0000000
#define VT1 0040000
#define major(dev) gnu_dev_major(dev)
#define minor(dev) gnu_dev_minor(dev)
#define makedev(maj, min) gnu_dev_makedev(maj, min)
#define MIN(a, b) (((a) < (b)) ? (a) : (b))
#define MAX(a, b) (((a) > (b)) ? (a) : (b))
#define howmany(x, y) (((x) + ((y)-1)) / (y))
#define roundup(x, y) ((((x) + ((y)-1)) / (y)) * (y))
#define powerof2(x) ((((x)-1) & (x)) == 0)
#define setbit(a, i) ((a)[(i) / 8] |= 1 << ((i) % 8))
#define clrbit(a, i) ((a)[(i) / 8] &= ~(1 << ((i) % 8)))
#define isset(a, i) ((a)[(i) / 8] & (1 << ((i) % 8)))
#define isclr(a, i) (((a)[(i) / 8] & (1 << ((i) % 8))) == 0)
#define NODEV 0
#define EMPTY 0
#define ut_name ut_user
#define st_mtime st_mtim.tv_sec
#define s_addr S_un.S_addr
#define dn_expand __dn_expand
#define NOERROR 0
#define DELETE 1
#define OK (0)
#define ERR (-1)
#define TRUE 1
#define FALSE 0
#define SS 10
#define DS 11
#define ES 12
#define CS 13
#define FS 14
#define GS 15
#define EAX 11
#define R0 0
#define R1 1
#define SP 17
#define PC 18
#define sun 1
#define unix 1
#define linux 1
#define mips 1
#define hpux 1
#define i386 1
#define index strchr
#define rindex strrchr
#define bcopy(a, b, n) memmove(b, a, n)
#define sigmask(sig) (1 << ((sig)-1))
