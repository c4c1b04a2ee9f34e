import Rookery

/// The contract that `rookery bench` measures rates on.
@Contract
protocol ConformanceAPI: Sendable {
    @MessagePattern(cmd: "get-booking", .safe)
    func getBooking(_ request: GetConformanceBooking) async throws -> ConformanceBooking

    /// Streams the numbers from 1 to `to`, for measurements of streams.
    @StreamPattern(cmd: "count")
    func count(_ request: CountTo) async throws -> MessageStream<Int>
}
