// SPDX-License-Identifier: MIT
// Macros of X11: X.h, Xlib.h, Xutil.h, Xlibint.h, Xos.h, Intrinsic.h.
#define None 0L
#define Bool int
#define Status int
#define True 1
#define False 0
#define Always 2
#define NotUseful 0
#define WhenMapped 1
#define Success 0
#define Above 0
#define Below 1
#define TopIf 2
#define Opposite 4
#define Complex 0
#define Nonconvex 1
#define Convex 2
#define Unsorted 0
#define YSorted 1
#define Sum XSum
#define AllValues 0x000F
#define NoValue 0x0000
#define XValue 0x0001
#define Expose 12
#define KeyPress 2
#define FocusIn 9
#define FocusOut 10
#define CurrentTime 0L
#define CursorShape 0
#define DestroyAll 0
#define FontChange 255
#define GrabModeSync 0
#define Button1 1
#define Data(dpy, data, len)
#define Free(ptr)
#define Max(a, b) ((a) > (b) ? (a) : (b))
#define Min(a, b) ((a) < (b) ? (a) : (b))
#define LockDisplay(d)
#define index strchr
#define Xpermalloc malloc
#define XtNumber(arr) (sizeof(arr) / sizeof(arr[0]))
#define ControlMask (1 << 2)
