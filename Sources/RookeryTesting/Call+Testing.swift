public import RookeryCore

extension Call {
    /// Makes a call of `command`, for the test of an interceptor.
    ///
    /// ```swift
    /// let call = Call(testing: BookingAPIContract.getBooking, GetBooking(id: 1), metadata: ["token": "wrong"])
    /// await #expect(throws: RemoteError.self) {
    ///     try await RequireToken().intercept(call, next: CallHandler(testing: { _ in .none }))
    /// }
    /// ```
    ///
    /// `metadata` is empty by default, and there is no `deadline`.
    public init(
        testing command: Command, _ message: some MessageValue, metadata: [String: String] = [:],
        deadline: Deadline? = nil
    ) {
        self.init(command: command, message: MessageBody(message), metadata: metadata, deadline: deadline)
    }
}
