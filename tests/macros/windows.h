// SPDX-License-Identifier: MIT
// Macros of <windows.h> and what it includes that look like ordinary names.
#define far
#define near
#define FAR
#define NEAR
#define pascal
#define cdecl
#define IN
#define OUT
#define OPTIONAL
#define CONST const
#define VOID void
#define TRUE 1
#define FALSE 0
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define small char
#define hyper long long
#define interface struct
#define ERROR 0
#define ABSOLUTE 1
#define RELATIVE 2
#define OPAQUE 2
#define TRANSPARENT 1
#define ALTERNATE 1
#define WINDING 2
#define PASSTHROUGH 19
#define DELETE (0x00010000L)
#define DIFFERENCE 11
#define STRICT 1
#define DOMAIN 1
#define SING 2
#define OVERFLOW 3
#define UNDERFLOW 4
#define TLOSS 5
#define PLOSS 6
#define NO_ERROR 0L
#define MAX_PATH 260
#define CALLBACK __stdcall
#define Yield()
#define FAILED(hr) ((hr) < 0)
#define SUCCEEDED(hr) ((hr) >= 0)
#define AddJob AddJobW
#define CreateFile CreateFileW
#define CreateWindow CreateWindowW
#define DrawText DrawTextW
#define FindText FindTextW
#define GetMessage GetMessageW
#define GetObject GetObjectW
#define GetClassName GetClassNameW
#define LoadString LoadStringW
#define ReplaceText ReplaceTextW
#define SendMessage SendMessageW
#define grp1 0x0420
#define lst1 0x0460
#define psh1 0x0400
#define rad1 0x0420
