import NIOCore

/// A bounded queue that serves the peers round robin: one element of each peer, however many the peer has waiting.
///
/// When the queue is full, `append` evicts the newest element of the peer with most elements. So no peer can keep
/// another out. `popFirst` skips elements that are no longer wanted, and a full queue drops them before it evicts any
/// other.
package struct FairQueue<Element> {
    private let limit: Int
    private let isWanted: (Element) -> Bool
    private var queues: [String: CircularBuffer<Element>] = [:]
    /// The peers with waiting elements, the next one first.
    private var order: CircularBuffer<String> = []
    /// The number of elements, wanted or not.
    package private(set) var count = 0

    /// Makes an empty queue for at most `limit` elements.
    ///
    /// `isWanted` returns false for an element whose owner has given it up. It must not return true for it again.
    package init(limit: Int, isWanted: @escaping (Element) -> Bool = { _ in true }) {
        self.limit = limit
        self.isWanted = isWanted
    }

    /// The number of a peer's elements.
    package func count(of peer: String) -> Int { queues[peer]?.count ?? 0 }

    /// Adds an element behind the others of its peer. Returns the element that it evicts, or nil.
    ///
    /// Returns `element` itself if the queue does not take it. That happens when the queue is full and no other peer
    /// has at least two elements more than this one.
    package mutating func append(_ element: Element, of peer: String) -> Element? {
        if limit < 1 { return element }
        var evicted: Element?
        if count >= limit { removeUnwanted() }
        if count >= limit {
            // The search runs only when the queue is full, and looks at each peer once.
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

    /// Removes the oldest wanted element of the peer whose turn it is. Nil if the queue has no wanted element.
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

    /// Puts elements that `popFirst` returned back, in the order in which it returned them. They come first again. The limit
    /// does not apply.
    package mutating func putBack(_ elements: some BidirectionalCollection<(element: Element, peer: String)>) {
        for (element, peer) in elements.reversed() { queues[peer, default: []].prepend(element) }
        count += elements.count
        var returned: Set<String> = []
        let first = elements.map(\.peer).filter { returned.insert($0).inserted }
        order = CircularBuffer(first + order.filter { !returned.contains($0) })
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
