"""Asks the window with this name to close, as a desktop does when somebody clicks its cross.

The message is WM_DELETE_WINDOW of the Inter-Client Communication Conventions (ICCCM 4.2.8.1).
"""

import ctypes
import sys

X = ctypes.CDLL("libX11.so.6")
Window = ctypes.c_ulong
Pointer = ctypes.c_void_p
CLIENT_MESSAGE = 33


class ClientMessage(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", Pointer),
        ("window", Window),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        # An XEvent is as long as 24 longs.
        ("rest", ctypes.c_long * 24),
    ]


X.XOpenDisplay.restype = Pointer
X.XDefaultRootWindow.argtypes = [Pointer]
X.XDefaultRootWindow.restype = Window
X.XInternAtom.argtypes = [Pointer, ctypes.c_char_p, ctypes.c_int]
X.XInternAtom.restype = ctypes.c_ulong
X.XQueryTree.argtypes = [Pointer, Window] + [Pointer] * 4
X.XFetchName.argtypes = [Pointer, Window, Pointer]
X.XSendEvent.argtypes = [Pointer, Window, ctypes.c_int, ctypes.c_long, Pointer]
X.XSync.argtypes = [Pointer, ctypes.c_int]
X.XGetWMProtocols.argtypes = [Pointer, Window, Pointer, Pointer]


def below(display, window):
    """The windows in a window."""
    root, parent, count = Window(), Window(), ctypes.c_uint()
    inside = ctypes.POINTER(Window)()
    X.XQueryTree(
        display, window, ctypes.byref(root), ctypes.byref(parent), ctypes.byref(inside), ctypes.byref(count)
    )
    return [inside[number] for number in range(count.value)]


def may_be_asked(display, window):
    """Whether a program listens to what a desktop asks of this window."""
    protocols, count = ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_int()
    return X.XGetWMProtocols(display, window, ctypes.byref(protocols), ctypes.byref(count)) != 0


def name(display, window):
    told = ctypes.c_char_p()
    X.XFetchName(display, window, ctypes.byref(told))
    return (told.value or b"").decode()


def main():
    display = X.XOpenDisplay(None)
    wanted = sys.argv[1]
    windows = below(display, X.XDefaultRootWindow(display))
    found = [each for each in windows if name(display, each) == wanted and may_be_asked(display, each)]
    if not found:
        sys.exit(f"no window {wanted}; there are {[name(display, each) for each in windows]}")
    for window in found:
        event = ClientMessage(type=CLIENT_MESSAGE, window=window, format=32)
        event.message_type = X.XInternAtom(display, b"WM_PROTOCOLS", 0)
        event.data[0] = X.XInternAtom(display, b"WM_DELETE_WINDOW", 0)
        X.XSendEvent(display, window, 0, 0, ctypes.byref(event))
    X.XSync(display, 0)


main()
