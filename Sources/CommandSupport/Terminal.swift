import Foundation
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Output for people, and for programs that read it from a pipe: a line at a time, at once.
public enum Terminal {
    /// A line on standard output.
    public static func line(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    /// A line on standard error.
    public static func note(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// A line on standard error that the next one replaces; an empty one takes it away.
    public static func progress(_ text: String) { write("\r\u{1B}[K\(text)", to: STDERR_FILENO) }

    /// Bold on a terminal, plain elsewhere.
    public static func strong(_ text: String) -> String {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
            ? "\u{1B}[1m\(text)\u{1B}[0m" : text
    }

    /// Writes all of it. Once standard output is not read any more, as with `| head`, the program has done what it was
    /// for: it ends, with exit code 0.
    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { platformWrite(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                bytes = bytes.dropFirst(count)
            } else if errno == EAGAIN {
                // A pipe that another program has made non-blocking.
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wanted, 1, 1000)
            } else if errno == EPIPE, descriptor == STDOUT_FILENO {
                exit(0)
            } else if errno != EINTR {
                return
            }
        }
    }

    /// A password, which is not shown while it is typed; nil at the end of the input. `prompt` goes to standard error, when
    /// that is a terminal.
    public static func password(_ prompt: String) -> String? {
        guard isatty(STDIN_FILENO) == 1 else { return readLine() }
        write(prompt, to: STDERR_FILENO)
        var shown = termios()
        tcgetattr(STDIN_FILENO, &shown)
        var hidden = shown
        hidden.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSANOW, &hidden)
        defer {
            tcsetattr(STDIN_FILENO, TCSANOW, &shown)
            write("\n", to: STDERR_FILENO)
        }
        return readLine()
    }
}

private func platformWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
