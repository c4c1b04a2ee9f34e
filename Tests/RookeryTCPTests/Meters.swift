import Rookery
import RookeryTesting

@Message struct Meter: Hashable {
    var id: Int
}

@Message struct Reading: Hashable {
    @InRange(0...) var count: Int
    var text: String = ""
}

@Message struct Sum: Hashable {
    var meter: Int
    var values: Int
    var sum: Int
}

@Contract protocol MetersAPI: Sendable {
    @MessagePattern(cmd: "import")
    func importReadings(_ meter: Meter, _ readings: MessageStream<Reading>) async throws -> Sum
    @MessagePattern(cmd: "discard")
    func discard(_ readings: MessageStream<Reading>) async throws
    @StreamPattern(cmd: "sums")
    func sums(_ meter: Meter, _ readings: MessageStream<Reading>) async throws -> MessageStream<Sum>
    @MessagePattern(cmd: "same", .safe)
    func same(_ meter: Meter) async throws -> Meter
}

/// Sums readings. `gate` is where a handler waits before it reads.
struct Meters: MetersAPI {
    var gate: Gate?
    var limit = Int.max
    /// How handlers ended.
    let ends = Shared<[String]>([])
    let received = Shared(0)

    func importReadings(_ meter: Meter, _ readings: MessageStream<Reading>) async throws -> Sum {
        do {
            await gate?.pass()
            var result = Sum(meter: meter.id, values: 0, sum: 0)
            for try await reading in readings {
                received.change { $0 += 1 }
                result.values += 1
                result.sum += reading.count
                if result.values == limit { break }
            }
            ends.change { $0.append("returned") }
            return result
        } catch {
            ends.change { $0.append("\(error)") }
            throw error
        }
    }

    func discard(_ readings: MessageStream<Reading>) async throws {
        for try await _ in readings { received.change { $0 += 1 } }
    }

    func sums(_ meter: Meter, _ readings: MessageStream<Reading>) async throws -> MessageStream<Sum> {
        let running = Shared(Sum(meter: meter.id, values: 0, sum: 0))
        return readings.mapped { reading in
            running.change {
                $0.values += 1
                $0.sum += reading.count
            }
            return running.value
        }
    }

    func same(_ meter: Meter) async throws -> Meter { meter }
}

struct Torn: Error, Hashable {}

func readings(_ counts: some Sequence<Int>) -> MessageStream<Reading> {
    MessageStream(counts.map { Reading(count: $0) })
}
