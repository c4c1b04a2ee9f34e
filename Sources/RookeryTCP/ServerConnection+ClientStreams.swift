import NIOCore
import RookeryCore
import RookeryWire

// Client streams: values that come behind a message.
extension ServerConnection {
    /// What a value takes in memory beside its bytes.
    private static let overhead = 128

    /// Makes the receiver of the client stream behind a message. Throws if the id has one already.
    func receiveClientStream(_ header: BinaryHeader) throws(FramingError) -> ClientStreamReceiver {
        let (id, executor) = (header.id, executor)
        if clientStreams[id] != nil { throw .damagedFrame("the id of a client stream is in use") }
        let receiver = ClientStreamReceiver { [weak self] memory, credit in
            guard let self else { return }
            if executor.eventLoop.inEventLoop { return self.handlerTook(memory, credit, id) }
            executor.eventLoop.execute {
                self.handlerTook(memory, credit, id)
                executor.drain()
            }
        }
        clientStreams[id] = receiver
        return receiver
    }

    /// Takes a value of a client stream, or its end.
    func receivedClientStream(_ header: BinaryHeader, _ body: ByteBuffer, _ negotiated: Negotiated) throws(FramingError)
    {
        // The handler may have answered already.
        guard let receiver = clientStreams[header.id] else { return }
        if header.kind == .end {
            clientStreams[header.id] = nil
            return receiver.finish(.success(()))
        }
        if header.flags.contains(.compressed), !negotiated.compresses {
            throw .damagedFrame("no compression was agreed on")
        }
        let limit = shared.configuration.limits.frame
        let size = FramePayload.originalSize(header, body)
        if size > limit { throw .frameTooLarge(declared: size, limit: limit) }
        let memory = size + Self.overhead
        guard mayKeep(memory) else {
            shared.counters.count(.shed)
            return endClientStream(header.id, RemoteError.noMemory)
        }
        guard let place = receiver.reserve(memory) else {
            return endClientStream(
                header.id, RemoteError(.invalidPayload, "The client sent more values than it had credit for."))
        }
        self.memory.keep(memory, shared.memory, entry.peer)
        if header.flags.contains(.compressed), size >= PayloadPool.threshold {
            return inflateElsewhere(header, body, negotiated, receiver, place)
        }
        do {
            receiver.fill(
                place, try FramePayload.read(header, compact(body), negotiated, executor.compression, limit: limit))
        } catch let error as FramingError {
            throw error
        } catch {
            endClientStream(header.id, RemoteError.unreadableValue)
        }
    }

    /// Copies a small value out of a large read buffer, so that it does not keep the buffer in memory while it waits.
    private func compact(_ body: ByteBuffer) -> ByteBuffer {
        guard body.storageCapacity > 4 * body.readableBytes + 1024 else { return body }
        return ByteBuffer(bytes: body.readableBytesView)
    }

    /// Inflates a large value on another thread. Its place keeps the order.
    private func inflateElsewhere(
        _ header: BinaryHeader, _ body: ByteBuffer, _ negotiated: Negotiated, _ receiver: ClientStreamReceiver,
        _ place: Int
    ) {
        let limit = shared.configuration.limits.frame
        PayloadPool.read(executor.eventLoop) { compression -> Result<Payload, any Error> in
            Result { try FramePayload.read(header, body, negotiated, compression, limit: limit) }
        } done: { result in
            self.executor.beginBurst()
            switch result {
            case .success(let value): receiver.fill(place, value)
            case .failure(let error as FramingError): self.framingFailed(error)
            case .failure: receiver.finish(.failure(RemoteError.unreadableValue))
            }
            self.settleSoon()
            self.executor.drain()
        }
    }

    /// Ends a client stream with an error, which its handler gets behind the values that came before.
    func endClientStream(_ id: UInt64, _ error: any Error) {
        clientStreams.removeValue(forKey: id)?.finish(.failure(error))
    }

    /// Forgets the client stream of a message that is finished, and returns its memory.
    func discardClientStream(_ receiver: ClientStreamReceiver, _ id: UInt64) {
        if clientStreams[id] === receiver { clientStreams[id] = nil }
        memory.keep(-receiver.discard(), shared.memory, entry.peer)
    }

    /// Ends the client streams whose handlers have waited for the client for longer than a connection may be idle.
    func endSilentClientStreams() {
        let since = NIODeadline.now() - TimeAmount(shared.configuration.limits.idle)
        for (id, receiver) in clientStreams where receiver.hasWaited(since: since) {
            endClientStream(id, RemoteError.silentClient)
        }
    }

    /// Returns the memory of a value that the handler has taken, and grants the client credit for more.
    private func handlerTook(_ memory: Int, _ credit: Int, _ id: UInt64) {
        // Then all memory of the connection was returned.
        if case .closed = state, inFlight == 0 { return }
        self.memory.keep(-memory, shared.memory, entry.peer)
        guard credit > 0, clientStreams[id] != nil else { return }
        var header = BinaryHeader(.credit, id: id)
        header.amount = UInt32(credit)
        write(header)
    }
}

extension RemoteError {
    fileprivate static let unreadableValue = RemoteError(.invalidPayload, "A value of the client cannot be decoded.")
    fileprivate static let silentClient = RemoteError(.deadlineExceeded, "The client has sent no value for too long.")
}
