#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
import Synchronization

/// The `Date` of responses (RFC 9110, 5.6.7), formatted once a second.
final class HTTPDate: Sendable {
    private let made = Mutex<(second: time_t, text: String)>((0, ""))

    /// `Wed, 25 Nov 2026 18:53:31 GMT`
    var text: String {
        let now = time(nil)
        return made.withLock { made in
            if made.second != now { made = (now, Self.text(at: now)) }
            return made.text
        }
    }

    static func text(at second: time_t) -> String {
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        var second = second
        var parts = tm()
        gmtime_r(&second, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let date = "\(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900)"
        return
            "\(days[Int(parts.tm_wday)]), \(date) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}
