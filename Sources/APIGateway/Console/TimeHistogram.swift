/// How often requests took how long, in buckets whose bounds grow by an eighth: from 1 µs to 134 s.
struct TimeHistogram: Sendable, Equatable {
    /// Eight buckets for each power of two.
    private static let parts = 8
    private static let octaves = 27

    private var buckets: [UInt32] = []
    private(set) var count = 0

    mutating func add(_ time: Duration) {
        if buckets.isEmpty { buckets = Array(repeating: 0, count: Self.parts * Self.octaves) }
        buckets[Self.bucket(time)] += 1
        count += 1
    }

    private static func bucket(_ time: Duration) -> Int {
        // Anything longer is in the last bucket.
        let seconds = min(max(0, time.components.seconds), 1_000_000)
        let microseconds = UInt64(
            max(1, seconds * 1_000_000 + max(0, time.components.attoseconds) / 1_000_000_000_000))
        let octave = 63 - microseconds.leadingZeroBitCount
        let part =
            octave >= 3 ? Int(microseconds >> UInt64(octave - 3)) & 7 : Int(microseconds << UInt64(3 - octave)) & 7
        return min(octave * parts + part, parts * octaves - 1)
    }

    /// The upper bound of a bucket.
    private static func bound(_ bucket: Int) -> Duration {
        let (octave, part) = (bucket / parts, bucket % parts)
        return .nanoseconds(Int64(1000 * Double(UInt64(1) << UInt64(octave)) * (1 + Double(part + 1) / Double(parts))))
    }

    /// The time that this share took at most, 0 to 1, at most an eighth too long. Nil if it is empty.
    func time(of share: Double) -> Duration? {
        var left = Int((share * Double(count)).rounded(.up))
        for (at, number) in buckets.enumerated() where number > 0 {
            left -= Int(number)
            if left <= 0 { return Self.bound(at) }
        }
        return nil
    }

    static func + (one: TimeHistogram, other: TimeHistogram) -> TimeHistogram {
        if one.buckets.isEmpty { return other }
        if other.buckets.isEmpty { return one }
        var sum = one
        for at in sum.buckets.indices { sum.buckets[at] += other.buckets[at] }
        sum.count += other.count
        return sum
    }
}
