import RookeryCore
import SequenceDiagrams

/// How often requests took each way of the flows today: all of them, whether the console keeps them or not. A value.
///
/// One request of each outline is judged. Its verdict counts for all requests with that outline. Bounded: it knows ``mostOutlines``
/// outlines.
struct FlowCounts: Sendable {
    /// The most outlines that it knows: 256. One more makes it forget those without a verdict, or all if there are none. Their counts stay;
    /// requests that are not judged by then stay unjudged.
    static let mostOutlines = 256

    /// What was counted of one flow.
    struct Numbers: Sendable, Equatable {
        /// By the branches of the way.
        var ways: [[String]: Int] = [:]
        /// How often none was taken.
        var strays = 0
    }

    /// The requests with one outline.
    private struct Tally {
        let outline: UInt64
        var requests: Int
        /// Whether one of them was judged.
        var isJudged = false
        /// Whether one of them waits for its judgement.
        var isAwaited = false
    }

    /// Searched from the beginning, because there are few, and most requests have one of the first outlines.
    private var tallies: [Tally] = []
    /// The verdict for each tally. Meaningless for one that is not judged. Kept apart, because counting does not read it.
    private var verdicts: [FlowVerdict] = []
    /// What was counted of outlines that it has forgotten.
    private var forgotten: [String: Numbers] = [:]
    /// Requests without an outline, and those whose outlines were forgotten before one was judged.
    private var lost = 0
    /// In days since 1970. Nil before the first.
    private var day: Int?

    /// Begins a day, in days since 1970 (UTC): nothing is counted of it yet. What was counted before the first one counts for it. Has no
    /// effect if this day or a later one has begun.
    mutating func begin(day: Int) {
        guard let last = self.day else { return self.day = day }
        if day <= last { return }
        self.day = day
        (forgotten, lost) = ([:], 0)
        for at in tallies.indices { tallies[at].requests = 0 }
    }

    /// Counts a request. Returns whether to judge it: no request with its outline is judged or waits for that.
    mutating func count(_ outline: UInt64) -> Bool {
        if let at = place(of: outline) {
            tallies[at].requests += 1
            return !tallies[at].isJudged && !tallies[at].isAwaited
        }
        if tallies.count == Self.mostOutlines { forget() }
        tallies.append(Tally(outline: outline, requests: 1))
        verdicts.append(.unknown)
        return true
    }

    private func place(of outline: UInt64) -> Int? {
        for at in tallies.indices where tallies[at].outline == outline { return at }
        return nil
    }

    /// Counts a request whose outline is not known.
    mutating func countUnjudged() { lost += 1 }

    /// Notes that a request with an outline waits for its judgement.
    mutating func noteAwaited(_ outline: UInt64) { place(of: outline).map { tallies[$0].isAwaited = true } }

    /// Sets the verdict on all requests with an outline, unless there is one. Nil or `.unknown` if the request that waited got none: the
    /// next one is judged instead. Has no effect on a forgotten outline.
    mutating func judge(_ outline: UInt64, _ verdict: FlowVerdict?) {
        guard let at = place(of: outline) else { return }
        tallies[at].isAwaited = false
        guard let verdict, verdict.flow != nil, !tallies[at].isJudged else { return }
        tallies[at].isJudged = true
        verdicts[at] = verdict
    }

    /// How often each way of a flow was taken.
    func numbers(of flow: String) -> Numbers {
        var numbers = forgotten[flow] ?? Numbers()
        for (tally, verdict) in zip(tallies, verdicts) where verdict.flow == flow {
            numbers.add(tally.requests, verdict)
        }
        return numbers
    }

    /// The requests of which it is not known which way they took.
    var unjudged: Int { tallies.reduce(lost) { $0 + ($1.isJudged ? 0 : $1.requests) } }

    private mutating func forget() {
        var kept = tallies.indices.filter { tallies[$0].isJudged || tallies[$0].isAwaited }
        if kept.count == tallies.count { kept = [] }
        for at in tallies.indices where !kept.contains(at) {
            if let flow = verdicts[at].flow {
                forgotten[flow, default: Numbers()].add(tallies[at].requests, verdicts[at])
            } else {
                lost += tallies[at].requests
            }
        }
        (tallies, verdicts) = (kept.map { tallies[$0] }, kept.map { verdicts[$0] })
    }

    // MARK: Outlines

    /// The outline of a request of a flow in the gateway, with the status that it was answered with.
    static func outline(_ outline: TraceOutline, _ status: Int, of flow: Int) -> UInt64 {
        var whole = Fingerprint()
        whole.add(outline.value)
        whole.add(UInt64(truncatingIfNeeded: flow << 16 | status))
        return whole.value
    }

    /// The outline with those that other processes have of the request, in any order.
    static func outline(_ outline: UInt64, with others: [UInt64]) -> UInt64 {
        var whole = Fingerprint()
        whole.add(outline)
        whole.add(others.reduce(0, &+))
        return whole.value
    }
}

extension FlowCounts.Numbers {
    fileprivate mutating func add(_ requests: Int, _ verdict: FlowVerdict) {
        if requests == 0 { return }
        switch verdict {
        case .follows(_, let branches): ways[branches, default: 0] += requests
        case .differs: strays += requests
        case .unknown: break
        }
    }
}
