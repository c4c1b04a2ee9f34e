import NIOCore

/// What waits, and for whom: one of each peer is taken in turn, however many others have.
///
/// A value. When it is full, the newest of the peer that has most gives way, so that no peer can keep another out.
package struct FairQueue<Element> {
    private let limit: Int
    private var queues: [String: CircularBuffer<Element>] = [:]
    /// The peers with something waiting, the next one first.
    private var order: CircularBuffer<String> = []
    /// How many wait.
    package private(set) var count = 0

    /// An empty queue for at most so many.
    package init(limit: Int) { self.limit = limit }

    /// How many of a peer's wait.
    package func count(of peer: String) -> Int { queues[peer]?.count ?? 0 }

    /// Adds one at the peer's end. Gives what had to give way: the newest of another peer, or the new one itself.
    package mutating func append(_ element: Element, of peer: String) -> Element? {
        if limit < 1 { return element }
        var evicted: Element?
        if count >= limit {
            // Only a full queue is searched, and each peer has one place in it.
            guard let longest = queues.max(by: { $0.value.count < $1.value.count })?.key,
                count(of: longest) > count(of: peer) + 1
            else { return element }
            evicted = queues[longest]?.popLast()
            count -= 1
        }
        if queues[peer] == nil { order.append(peer) }
        queues[peer, default: []].append(element)
        count += 1
        return evicted
    }

    /// Takes the oldest of the peer whose turn it is.
    package mutating func popFirst() -> Element? {
        guard let peer = order.popFirst(), let element = queues[peer]?.popFirst() else { return nil }
        count -= 1
        if queues[peer]?.isEmpty ?? true { queues[peer] = nil } else { order.append(peer) }
        return element
    }
}
