//! One connection: reads into the worker's buffer, parses, has `command::dispatch` execute, writes one answer for
//! all of it. A connection that waits holds no buffer of its own unless a command has arrived in part or a reply
//! could not be written at once.
//! Nothing here knows a command or a key.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::command::dispatch::{Executor, Outcome, Prepared, Waiter};
use crate::command::session::Session;
use crate::config::OutputLimit;
use crate::limits;
use crate::server::Server;

use super::argv::OwnedArgv;
use super::buffer::{self, append, make_room};
use super::client::Client;
use super::reply::ReplyWriter;
use super::resp::{Batch, Parser, RequestLimits, Stop};

/// What a worker's connections share. They all run on its one thread.
pub struct Worker {
    /// Executes commands.
    pub executor: RefCell<Executor>,
    buffers: RefCell<Buffers>,
}

struct Buffers {
    input: Box<[u8]>,
    batch: Batch,
    reply: ReplyWriter,
}

impl Worker {
    /// A worker around an executor.
    pub fn new(executor: Executor) -> Self {
        let buffers = Buffers {
            input: vec![0; limits::READ_BUFFER].into_boxed_slice(),
            batch: Batch::new(),
            reply: ReplyWriter::default(),
        };
        Self { executor: RefCell::new(executor), buffers: RefCell::new(buffers) }
    }
}

/// What a turn of a connection ended with.
enum Turn {
    /// There may be more to read: let others run first.
    Yield,
    /// The next command has to wait.
    Sleep(Duration),
    /// The reply of the last command comes from a job, and the next command has to wait for it.
    Job,
    /// The last command waits for something, and the next one for it.
    Wait,
    /// All is answered, and this other worker is to go on.
    Move(usize),
    /// It is over.
    Close,
}

/// The client has left, or was ended.
struct Gone;

/// One connection, on the worker that serves it.
struct Connection<'s, S> {
    stream: S,
    worker: Rc<Worker>,
    state: &'s mut ConnectionState,
    /// Whether another worker could go on with it.
    movable: bool,
}

/// What a connection is beside its socket: all that it takes along to another worker.
pub struct ConnectionState {
    session: Session,
    parser: Parser,
    /// Received, and not executed yet: the beginning of a command.
    input: Vec<u8>,
    /// Parsed, and not executed yet, because a command before them waits.
    deferred: VecDeque<OwnedArgv>,
    /// Not written yet, from `written` on.
    output: Vec<u8>,
    written: usize,
    /// Since when more waits than the soft limit allows, in milliseconds since 1970.
    over_soft_since_ms: Option<u64>,
    /// How many more bytes the parser wants before it can get on.
    missing: usize,
    /// How long the command that has arrived in part will be at least.
    announced: usize,
    /// What is received has not been parsed to its end: there may be whole commands in it.
    unparsed: bool,
}

impl ConnectionState {
    /// Of a client that has just connected to this worker.
    pub fn new(client: Arc<Client>, worker: &Worker) -> Self {
        let mut executor = worker.executor.borrow_mut();
        // A password that was set a moment ago holds for this connection.
        executor.begin();
        Self {
            session: Session::new(client, executor.server.tenant.acl.default_user()),
            parser: Parser::new(),
            input: Vec::new(),
            deferred: VecDeque::new(),
            output: Vec::new(),
            written: 0,
            over_soft_since_ms: None,
            missing: 0,
            announced: 0,
            unparsed: false,
        }
    }

    /// It has ended: take the client out of everything that it was in.
    pub fn disconnect(mut self, server: &Server, worker: usize) {
        server.disconnect(&mut self.session);
        let client = Arc::clone(&self.session.client);
        drop(self);
        server.forget_evicted(&client, worker);
    }
}

/// Serve a client until it leaves, or until another worker is to go on: then its number is returned, and the socket.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    worker: Rc<Worker>,
    state: &mut ConnectionState,
    movable: bool,
) -> Option<(S, usize)> {
    state.session.client.worker.store(worker.executor.borrow().worker, Relaxed);
    let mut connection = Connection { stream, worker, state, movable };
    loop {
        match poll_fn(|cx| connection.poll_turn(cx)).await {
            Turn::Yield => tokio::task::yield_now().await,
            Turn::Sleep(time) => tokio::time::sleep(time).await,
            Turn::Job => connection.await_job().await,
            Turn::Wait if connection.await_answer().await.is_err() => return None,
            Turn::Wait => {}
            Turn::Move(to) => return Some((connection.stream, to)),
            Turn::Close => return None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// Work until nothing is left to do. Registers for what could bring more.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        loop {
            if self.state.session.client.is_killed() {
                return Poll::Ready(Turn::Close);
            }
            self.state.session.client.collect_mail(&mut self.state.output);
            if self.poll_synced(cx).is_pending() {
                // The replies acknowledge what is not on disk yet.
                self.state.session.client.register(cx.waker());
                if self.state.session.client.has_news() {
                    continue;
                }
                return Poll::Pending;
            }
            let flushed = match self.poll_flush(cx) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(_)) => return Poll::Ready(Turn::Close),
                Poll::Pending => false,
            };
            if flushed && self.state.session.closing {
                return Poll::Ready(Turn::Close);
            }
            // As in Redis: who sends all before it reads would else wait for us, and we for it. The limits end it where it gets too much.
            if !self.state.session.closing {
                let progress = if self.state.deferred.is_empty() && !self.state.unparsed {
                    self.poll_receive(cx)
                } else {
                    Poll::Ready(self.execute_deferred())
                };
                match progress {
                    Poll::Ready(Some(turn)) => return Poll::Ready(turn),
                    Poll::Ready(None) => continue,
                    Poll::Pending => {}
                }
            }
            if flushed && let Some(to) = self.must_move() {
                return Poll::Ready(Turn::Move(to));
            }
            self.state.session.client.register(cx.waker());
            if !self.state.session.client.has_news() {
                return Poll::Pending;
            }
        }
    }

    /// Whether all that the client has changed is as safe as `appendfsync` promises.
    #[inline]
    fn poll_synced(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.worker.executor.borrow().poll_synced(&self.state.session, cx.waker())
    }

    /// The worker that is to go on. Asked when nothing waits, neither to be executed nor to be written.
    fn must_move(&self) -> Option<usize> {
        if !self.movable {
            return None;
        }
        let executor = self.worker.executor.borrow();
        executor.server.balance.take_order(executor.worker)
    }

    /// Read once and execute what came. `None`: go on.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Turn>> {
        let worker = Rc::clone(&self.worker);
        let mut buffers = worker.buffers.borrow_mut();
        let Buffers { input, batch, reply } = &mut *buffers;
        let (n, filled) = if self.state.input.is_empty() {
            let mut buffer = ReadBuf::new(input);
            if ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)).is_err() {
                return Poll::Ready(Some(Turn::Close));
            }
            let n = buffer.filled().len();
            (n, n == input.len())
        } else {
            self.make_room_for_input();
            match ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.state.input)) {
                Ok(n) => (n, self.state.input.len() == self.state.input.capacity()),
                Err(_) => return Poll::Ready(Some(Turn::Close)),
            }
        };
        if n == 0 {
            return Poll::Ready(Some(Turn::Close));
        }
        let turn = if self.state.input.is_empty() {
            let (turn, done) = self.execute_input(&input[..n], batch, reply, n);
            self.state.input.extend_from_slice(&input[done..n]);
            self.make_room_for_input();
            self.note_input();
            turn
        } else {
            self.execute_kept(batch, reply, n)
        };
        if self.exceeds_hard_limit(reply.len(), &worker.executor.borrow()) {
            // What was too much for the client need not be kept as room for others either.
            *reply = ReplyWriter::default();
            return Poll::Ready(Some(Turn::Close));
        }
        if self.state.session.client.is_killed() {
            reply.clear();
            return Poll::Ready(Some(Turn::Close));
        }
        self.send(cx, reply);
        Poll::Ready(turn.or_else(|| filled.then_some(Turn::Yield)))
    }

    /// Execute every whole command of what was kept, of which `n` bytes have just come. What is left of it stays where it is: a long
    /// command comes in many pieces.
    fn execute_kept(&mut self, batch: &mut Batch, reply: &mut ReplyWriter, n: usize) -> Option<Turn> {
        let mut received = std::mem::take(&mut self.state.input);
        let (turn, done) = self.execute_input(&received, batch, reply, n);
        let left = received.len() - done;
        if done > 0 && left < received.capacity() / 4 {
            // What little is left of much is no reason to keep all of its room.
            self.state.input.extend_from_slice(&received[done..]);
        } else {
            received.drain(..done);
            self.state.input = received;
        }
        self.make_room_for_input();
        self.note_input();
        turn
    }

    /// Execute every whole command of `received`. The second result is how many bytes of it are not to be kept.
    fn execute_input(
        &mut self,
        received: &[u8],
        batch: &mut Batch,
        reply: &mut ReplyWriter,
        n: usize,
    ) -> (Option<Turn>, usize) {
        let worker = Rc::clone(&self.worker);
        let mut executor = worker.executor.borrow_mut();
        let mut executor = executor.begin_batch();
        let client = Arc::clone(&self.state.session.client);
        executor.count_input(n as u64);
        client.count_traffic(0, n);
        if received.len() > limits::READ_BUFFER && !self.has_room_for(received.len(), &executor) {
            // Then it must not be executed either.
            return (Some(Turn::Close), received.len());
        }
        client.active_ms.store(executor.now_us / 1000, Relaxed);
        reply.set_protocol(self.state.session.protocol);
        self.state.unparsed = false;
        let mut offset = 0;
        let mut turn = None;
        loop {
            let rest = &received[offset..];
            let limits = RequestLimits {
                bulk_len_max: executor.config().proto_max_bulk_len as u64,
                unauthenticated: self.state.session.must_authenticate(),
            };
            let parsed = self.state.parser.parse(rest, batch, &limits);
            if parsed.stop == Stop::CrossProtocol {
                tracing::warn!(
                    "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to the \
                     server. Connection from {} aborted.",
                    client.addr
                );
                return (Some(Turn::Close), received.len());
            }
            let mut prepared = Prepared::default();
            if batch.len() > 1 {
                let commands = (0..batch.len()).map(|i| batch.argv(rest, i));
                prepared = executor.prepare(self.state.session.db, commands);
            }
            for i in 0..batch.len() {
                let argv = batch.argv(rest, i);
                if turn.is_some() {
                    self.state.deferred.push_back(OwnedArgv::from(argv));
                    continue;
                }
                match executor.execute_prepared(&mut self.state.session, argv, prepared.key(i), reply) {
                    Outcome::Done => {}
                    Outcome::Job => turn = Some(Turn::Job),
                    Outcome::Wait => turn = Some(Turn::Wait),
                    Outcome::Delay(time) => {
                        turn = Some(Turn::Sleep(time));
                        self.state.deferred.push_back(OwnedArgv::from(argv));
                    }
                }
                if self.state.session.closing || client.is_killed() {
                    break;
                }
            }
            if reply.len() > limits::FLUSH_BYTES {
                self.take_reply(reply);
                // Before its memory is counted: nobody else is to go for who goes anyway.
                if self.exceeds_hard_limit(0, &executor) {
                    return (Some(Turn::Close), received.len());
                }
                self.note_output(&executor);
                executor.begin();
            }
            offset += parsed.consumed;
            match parsed.stop {
                _ if self.state.session.closing || client.is_killed() => break,
                Stop::BatchFull if turn.is_none() => {}
                Stop::BatchFull => {
                    self.state.unparsed = offset < received.len();
                    self.expect(received.len() - offset, 1);
                    return (turn, offset);
                }
                Stop::NeedMore(missing) => {
                    self.expect(received.len() - offset, missing);
                    return (turn, offset);
                }
                Stop::Error(error) => {
                    reply.raw(&error.reply());
                    executor.server.count_error(executor.worker, "ERR");
                    self.state.session.closing = true;
                    break;
                }
                Stop::CrossProtocol => break,
            }
        }
        (turn, received.len())
    }

    /// The beginning of a command, of so many bytes, is kept until so many more have come.
    fn expect(&mut self, len: usize, missing: usize) {
        self.state.missing = missing;
        self.state.announced = len.saturating_add(missing);
    }

    /// Make room for what is missing of a command that has arrived in part: as much again as it has sent, at the most.
    fn make_room_for_input(&mut self) {
        let (input, missing) = (&mut self.state.input, self.state.missing);
        if !input.is_empty() && input.capacity() - input.len() < missing.min(limits::READ_BUFFER) {
            let step_max = limits::READ_STEP_MAX.max(input.len());
            make_room(input, missing.clamp(limits::READ_BUFFER, step_max));
        }
    }

    /// What is kept has become more, or less.
    fn note_input(&self) {
        let (client, input) = (&self.state.session.client, &self.state.input);
        let whole = self.state.parser.arguments(input);
        let query = input.len().saturating_sub(whole.end);
        client.query_bytes.store(query, Relaxed);
        client.argv_bytes.store(whole.bytes, Relaxed);
        client.query_room.store(input.capacity().saturating_sub(query + whole.bytes), Relaxed);
        self.worker.executor.borrow().note_client_memory(&self.state.session);
    }

    /// Whether a client may send so much at once. If not, its end is near. What it has announced decides whether it is all one command;
    /// it is ended when it has sent that, as it would not expect it before.
    fn has_room_for(&self, received: usize, executor: &Executor) -> bool {
        let limit = executor.config().client_query_buffer_limit;
        if received > limit && self.state.announced > limit {
            let client = &self.state.session.client;
            tracing::warn!("Closing client that reached max query buffer length: {}", client.addr);
            executor.server.stats.of(executor.worker).query_limit_disconnections.add(1);
            client.kill();
            return false;
        }
        self.state.session.client.note_received(received);
        executor.note_client_memory(&self.state.session);
        !self.state.session.client.is_killed()
    }

    /// Execute what had to wait. `None`: go on.
    fn execute_deferred(&mut self) -> Option<Turn> {
        let worker = Rc::clone(&self.worker);
        let mut buffers = worker.buffers.borrow_mut();
        let mut executor = worker.executor.borrow_mut();
        let reply = &mut buffers.reply;
        reply.set_protocol(self.state.session.protocol);
        let mut batch = executor.begin_batch();
        let mut turn = None;
        while let Some(argv) = self.state.deferred.pop_front() {
            match batch.execute(&mut self.state.session, argv.as_argv(), reply) {
                Outcome::Done => {}
                Outcome::Job => {
                    turn = Some(Turn::Job);
                    break;
                }
                Outcome::Wait => {
                    turn = Some(Turn::Wait);
                    break;
                }
                Outcome::Delay(time) => {
                    self.state.deferred.push_front(argv);
                    turn = Some(Turn::Sleep(time));
                    break;
                }
            }
            if self.state.session.closing || reply.len() > limits::FLUSH_BYTES {
                break;
            }
        }
        drop(batch);
        self.take_reply(reply);
        if self.state.deferred.is_empty()
            && !self.state.input.is_empty()
            && turn.is_none()
            && !self.state.session.closing
        {
            let Buffers { batch, reply, .. } = &mut *buffers;
            drop(executor);
            turn = self.execute_kept(batch, reply, 0);
            self.take_reply(reply);
        }
        turn
    }

    /// Run the session's job on a thread of its own, and put its reply behind those that are on their way.
    async fn await_job(&mut self) {
        let Some(job) = self.state.session.job.take() else { return };
        let protocol = self.state.session.protocol;
        let (server, index) = {
            let executor = self.worker.executor.borrow();
            (executor.server, executor.worker)
        };
        let run = move || {
            let mut reply = ReplyWriter::new(Vec::new(), protocol);
            let result = job(&mut reply);
            if let Err(error) = &result {
                reply.clear();
                reply.error(error.wire());
            }
            (reply.into_inner(), result.err())
        };
        match tokio::task::spawn_blocking(run).await {
            Ok((bytes, error)) => {
                append(&mut self.state.output, &bytes);
                if let Some(error) = error {
                    server.count_error(index, &error.code());
                }
            }
            Err(_) => append(&mut self.state.output, b"-ERR the server could not do this\r\n"),
        }
    }

    /// Wait until the session's command is answered, and put its reply behind those that are on their way. An error is the end of the
    /// connection.
    async fn await_answer(&mut self) -> Result<(), Gone> {
        let Some(waiter) = self.state.session.waiting.clone() else { return Ok(()) };
        let answered = poll_fn(|cx| self.poll_answer(&waiter, cx));
        match waiter.deadline {
            None => answered.await?,
            Some(deadline) => match tokio::time::timeout_at(deadline, answered).await {
                Ok(answered) => answered?,
                Err(_) => waiter.time_out(self.worker.executor.borrow().server),
            },
        }
        let server = self.worker.executor.borrow().server;
        let answer = server.end_wait(&mut self.state.session);
        if answer.is_given_up {
            self.worker.executor.borrow().count_given_up(&waiter, &answer);
        }
        if self.state.session.takes_reply() {
            append(&mut self.state.output, &answer.reply);
        }
        Ok(())
    }

    /// Whether the answer has come. Meanwhile messages are written, and what the client sends is kept: whether it has left shows there
    /// alone.
    fn poll_answer(&mut self, waiter: &Waiter, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        self.state.session.client.register(cx.waker());
        if self.state.session.client.is_killed() {
            return Poll::Ready(Err(Gone));
        }
        if waiter.is_answered() {
            return Poll::Ready(Ok(()));
        }
        self.state.session.client.collect_mail(&mut self.state.output);
        if self.poll_synced(cx).is_ready()
            && let Poll::Ready(Err(_)) = self.poll_flush(cx)
        {
            return Poll::Ready(Err(Gone));
        }
        while self.state.input.len() < limits::WAITING_INPUT_MAX {
            self.state.input.reserve(limits::READ_BUFFER);
            match ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.state.input)) {
                Ok(n) if n > 0 => {
                    self.worker.executor.borrow().count_input(n as u64);
                    self.state.unparsed = true;
                }
                _ => return Poll::Ready(Err(Gone)),
            }
        }
        Poll::Pending
    }

    /// Write the replies at once if nothing waits before them, and keep what the socket does not take.
    fn send(&mut self, cx: &mut Context<'_>, reply: &mut ReplyWriter) {
        if self.state.output.is_empty() && !reply.is_empty() && self.poll_synced(cx).is_ready() {
            let bytes = reply.as_bytes();
            if let Poll::Ready(Ok(n)) = Pin::new(&mut self.stream).poll_write(cx, bytes) {
                self.count_output(n);
                if n == bytes.len() {
                    reply.clear();
                    return;
                }
                append(&mut self.state.output, &bytes[n..]);
                reply.clear();
                return;
            }
        }
        self.take_reply(reply);
    }

    /// Move the replies behind what waits to be written.
    fn take_reply(&mut self, reply: &mut ReplyWriter) {
        append(&mut self.state.output, reply.as_bytes());
        reply.clear();
    }

    fn count_output(&self, n: usize) {
        let executor = self.worker.executor.borrow();
        let stats = executor.server.stats.of(executor.worker);
        stats.output_bytes.add(n as u64);
        self.state.session.client.count_traffic(1, n);
        stats.writes.add(1);
    }

    /// Write what waits. Ends the client when too much does.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        while self.state.written < self.state.output.len() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.state.output[self.state.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => {
                    self.state.written += n;
                    self.count_output(n);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    // What is written is cut off when it is most of it, so that no byte is moved more than once or twice.
                    if self.state.written > self.state.output.len() / 2 {
                        self.state.output.drain(..self.state.written);
                        self.state.written = 0;
                    }
                    return self.check_output_limit().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
            }
        }
        if !self.state.output.is_empty() {
            buffer::clear(&mut self.state.output);
            self.state.written = 0;
            self.state.over_soft_since_ms = None;
            self.state.session.client.output_bytes.store(0, Relaxed);
        }
        // TLS keeps records of its own; for the others this is free.
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn output_limit(&self) -> OutputLimit {
        self.limit_of(&self.worker.executor.borrow())
    }

    fn limit_of(&self, executor: &Executor) -> OutputLimit {
        executor.config().client_output_buffer_limit.of(self.state.session.client.subscribed() > 0)
    }

    /// What waits to be written has become more, or less.
    fn note_output(&self, executor: &Executor) {
        self.state.session.client.output_bytes.store(self.state.output.capacity(), Relaxed);
        executor.note_client_memory(&self.state.session);
    }

    /// How much is not written yet.
    fn waiting_output(&self) -> usize {
        self.state.output.len() - self.state.written
    }

    /// Whether more is to be written, with so much that is not among the output yet, than the hard limit allows: then nothing of it
    /// is. As in Redis a short reply is never too long.
    fn exceeds_hard_limit(&self, more: usize, executor: &Executor) -> bool {
        let waiting = self.waiting_output() + more;
        if waiting <= limits::OUTPUT_ALWAYS {
            return false;
        }
        let hard_bytes = self.limit_of(executor).hard_bytes;
        let exceeds = hard_bytes != 0 && waiting as u64 > hard_bytes;
        if exceeds {
            self.count_limit_reached(executor);
        }
        exceeds
    }

    fn count_limit_reached(&self, executor: &Executor) {
        executor.server.note_output_limit(executor.worker, &self.state.session.client);
    }

    /// End the client if too much waits for it, or has for too long. Cron wakes those for whom something waits, so
    /// that time is noticed even where nothing happens.
    fn check_output_limit(&mut self) -> Option<std::io::Error> {
        let limit = self.output_limit();
        let waiting = self.waiting_output() as u64;
        let executor = self.worker.executor.borrow();
        self.note_output(&executor);
        let now_ms = executor.server.clock.now_ms();
        let over_soft = limit.soft_bytes != 0 && waiting > limit.soft_bytes;
        self.state.over_soft_since_ms = over_soft.then(|| self.state.over_soft_since_ms.unwrap_or(now_ms));
        let over_soft_ms =
            self.state.over_soft_since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms));
        let too_long = over_soft_ms > limit.soft_seconds.saturating_mul(1000);
        let too_much = limit.hard_bytes != 0 && waiting > limit.hard_bytes;
        if !too_long && !too_much {
            return None;
        }
        self.count_limit_reached(&executor);
        Some(std::io::ErrorKind::OutOfMemory.into())
    }
}
