import NIOCore

/// A bounded queue that serves the peers round robin: one element each, however many a peer has waiting.
///
/// When the queue is full, `append` evicts the newest element of the peer with most, so that no peer can keep another out.
/// An element that is not wanted any more takes no turn: it is passed over, and goes first when the queue is full.
package struct FairQueue<Element> {
    private let limit: Int
    private let isWanted: (Element) -> Bool
    private var queues: [String: CircularBuffer<Element>] = [:]
    /// The peers with something waiting, the next one first.
    private var order: CircularBuffer<String> = []
    /// How many elements there are, wanted or not.
    package private(set) var count = 0

    /// An empty queue for at most so many. `isWanted` is false, and stays so, for an element whose owner has given it up.
    package init(limit: Int, isWanted: @escaping (Element) -> Bool = { _ in true }) {
        self.limit = limit
        self.isWanted = isWanted
    }

    /// How many of a peer's there are.
    package func count(of peer: String) -> Int { queues[peer]?.count ?? 0 }

    /// Adds an element behind the others of its peer. Returns the evicted element, or `element` itself when it was not
    /// added: the queue is full, and no other peer would still have more waiting after an eviction.
    package mutating func append(_ element: Element, of peer: String) -> Element? {
        if limit < 1 { return element }
        var evicted: Element?
        if count >= limit { removeUnwanted() }
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
        while let peer = order.popFirst() {
            var wanted: Element?
            while wanted == nil, let element = queues[peer]?.popFirst() {
                count -= 1
                if isWanted(element) { wanted = element }
            }
            if queues[peer]?.isEmpty ?? true { queues[peer] = nil } else { order.append(peer) }
            if let wanted { return wanted }
        }
        return nil
    }

    private mutating func removeUnwanted() {
        for (peer, queue) in queues {
            let wanted = queue.filter(isWanted)
            guard wanted.count < queue.count else { continue }
            count -= queue.count - wanted.count
            queues[peer] = wanted.isEmpty ? nil : CircularBuffer(wanted)
        }
        order = CircularBuffer(order.filter { queues[$0] != nil })
    }
}
