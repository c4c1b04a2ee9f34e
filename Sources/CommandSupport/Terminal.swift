import Foundation
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Writes unbuffered lines, for people and for programs that read them from a pipe.
public enum Terminal {
    /// Writes a line to standard output. Ends the program with exit code 0 if the reader has closed the pipe.
    public static func line(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    /// Writes a line to standard error.
    public static func note(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// Writes a line to standard error that the next call replaces. An empty text clears the line.
    public static func progress(_ text: String) { write("\r\u{1B}[K\(text)", to: STDERR_FILENO) }

    /// Returns the text in bold if standard output is a terminal and the environment does not set `NO_COLOR`.
    public static func strong(_ text: String) -> String {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
            ? "\u{1B}[1m\(text)\u{1B}[0m" : text
    }

    /// Writes the whole text. If the reader of standard output has closed the pipe, as `head` does, it ends the program
    /// with exit code 0.
    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { platformWrite(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                bytes = bytes.dropFirst(count)
            } else if errno == EAGAIN {
                // Another program has made the pipe non-blocking: waits for room, at most 1 s at a time.
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wanted, 1, 1000)
            } else if errno == EPIPE, descriptor == STDOUT_FILENO {
                exit(0)
            } else if errno != EINTR {
                return
            }
        }
    }

    /// Reads a password from a line of standard input. Returns nil at the end of the input.
    ///
    /// If standard input is a terminal, it writes `prompt` to standard error and does not echo the typed characters.
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
