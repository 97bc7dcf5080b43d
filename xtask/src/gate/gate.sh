# What `syndrop run` makes of a suite whose server is python's http.server and whose client is ab,
# and what comes through of a command's own end. It ends with 0 if all of that is as it should be.
set -u

failed=0
check() { # WHAT CONDITION...
    local what=$1
    shift
    if "$@"; then echo "ok      $what"; else echo "FAILED  $what"; failed=1; fi
}
is() { [ "$1" = "$2" ] || { echo "        it is $1, not $2"; return 1; }; }

cd /tmp
mkdir -p www && echo it works > www/index.html
cat > server.py <<'PYTHON'
import functools, http.server, sys

class Server(http.server.HTTPServer):
    # What is given to listen(); http.server's own is 5.
    request_queue_size = int(sys.argv[1])

class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

Server(("127.0.0.1", 8000), functools.partial(Handler, directory="www")).serve_forever()
PYTHON
# It passes as soon as every request was answered, however late: a client whose last ACK was refused
# may wait for a minute, and the server, which has one thread, with it.
cat > suite.sh <<'SUITE'
python3 server.py "$1" &
trap "kill $!" EXIT
until ss -ltn | grep -q 127.0.0.1:8000; do sleep 0.1; done
ab -q -s 300 -n 50 -c 10 http://127.0.0.1:8000/ > ab.txt || exit 9
grep -q "^Complete requests: *50$" ab.txt && grep -q "^Failed requests: *0$" ab.txt || exit 8
SUITE

echo "-- backlog 5, ab -c 10"
syndrop run --format junit -o few.xml -- sh suite.sh 5
check "the gate fails with 1" is $? 1
cat few.xml
failure=$(grep '<failure' few.xml)
check "the file names the reason" grep -q 'type="accept-queue-full-syn"' <<< "$failure"
check "the file names the listener" grep -q '127.0.0.1:8000' <<< "$failure"
check "the file names the owner" grep -q 'python3' <<< "$failure"

echo "-- backlog 2048, ab -c 10"
syndrop run --format junit -o many.xml -- sh suite.sh 2048
check "the gate passes with 0" is $? 0
check "the file has no failure" grep -q 'failures="0"' many.xml

echo "-- what env does"
echo > not-executable
as_env() { # WHAT COMMAND...
    local what=$1 env
    shift
    env "$@" 2> /dev/null
    env=$?
    syndrop run -- "$@" 2> said.txt
    check "$what: $env as of env" is $? $env
}
as_env "a command that succeeds" true
as_env "a command that fails" sh -c 'exit 3'
as_env "a command that is not there" no-such-command
as_env "a command that cannot be executed" ./not-executable
as_env "a command that a signal kills" sh -c 'kill -KILL $$'
# The signal goes to env, which became the command, and to syndrop, which passes it on.
signalled() { # COMMAND...
    "$@" sh -c 'trap "exit 7" TERM; touch trapped; while :; do sleep 0.1; done' 2> said.txt &
    until [ -e trapped ]; do sleep 0.1; done
    kill -TERM $!
    wait $!
    local status=$?
    rm trapped
    return $status
}
signalled env
env=$?
signalled syndrop run --
check "a signal that the command handles: $env as of env" is $? $env

exit $failed
