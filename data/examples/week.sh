#!/usr/bin/env bash
# An admin's week through the API alone, with nothing but curl:
#   ANNOTATOR_URL=http://127.0.0.1:5080 ANNOTATOR_KEY=ann_… data/examples/week.sh PROMPTS.csv PREFERENCES.jsonl FOLDER
# The key needs all four scopes; FOLDER is where the week's harvest goes.
set -euo pipefail
prompts=$1 preferences=$2 folder=$3
mkdir -p "$folder"

# Prints an answer; an error ends the week with what the app said.
call() { # METHOD PATH [curl's arguments…]
  local answer status
  answer=$(curl -sS --max-time 300 -X "$1" -H "Authorization: Bearer $ANNOTATOR_KEY" -w '\n%{http_code}' "${@:3}" "$ANNOTATOR_URL/api/v1$2")
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  [ "$status" -lt 400 ] || { echo "$1 $2 answered $status: $answer" >&2; exit 1; }
  printf '%s\n' "$answer"
}
json() { call "$1" "$2" -H 'Content-Type: application/json' -d "$3" "${@:4}"; }
field() { grep -oE "\"$1\": ?(\"[^\"]*\"|[^,}\"]+)" | head -n 1 | sed -E "s/^\"$1\": ?\"?([^\"]*)\"?$/\1/"; }
take() { curl -sSf --max-time 300 -H "Authorization: Bearer $ANNOTATOR_KEY" -o "$folder/$2" "$ANNOTATOR_URL/api/v1$1"; echo "took $2"; }

# Monday: a study and its prompts. A file is looked at before it is imported.
study=$(call GET /studies | field id)
json PATCH "/studies/$study" '{"name": "The week", "task": {"overlap": 1}}' | field name
call POST "/studies/$study/prompts/imports?name=prompts.csv&dry_run=true" --data-binary "@$prompts" | field prompts
call POST "/studies/$study/prompts/imports?name=prompts.csv" --data-binary "@$prompts" > /dev/null

# Tuesday: preferences of others; a colleague joins, by a link that works once.
call POST "/studies/$study/imports?name=preferences.jsonl&dry_run=true" --data-binary "@$preferences" | field preferences
call POST "/studies/$study/imports?name=preferences.jsonl" --data-binary "@$preferences" > /dev/null
json POST /people/links '{"role": "annotator", "hours": 24}' -H 'Idempotency-Key: week-invitation' | field path > "$folder/invitation.txt"

# Wednesday: a program judges what the policy has written.
for judged in 1 2 3; do
  next=
  for _ in $(seq 120); do
    next=$(json POST "/studies/$study/next" '{}')
    [ -z "$next" ] || break                              # 204: the sampler is still writing
    sleep 1
  done
  comparison=$(field comparison <<< "$next")
  json POST "/studies/$study/judgments" "{\"comparison\": $comparison, \"ranking\": [[1], [0]], \"comment\": \"The script's own.\"}" -H "Idempotency-Key: week-$comparison" | field outcome
done

# Thursday: a round, watched to its end.
call GET "/studies/$study/rounds/preview" | field train
round=$(json POST "/studies/$study/rounds" '{"options": {"max_steps": 4, "batch_size": 8}}' -H 'Idempotency-Key: week-round' | field number)
for _ in $(seq 300); do
  state=$(call GET "/studies/$study/rounds/$round" | field state)
  case $state in queued | running) sleep 1 ;; *) break ;; esac
done
[ "$state" = succeeded ] || { call GET "/studies/$study/rounds/$round"; exit 1; }
call GET "/studies/$study/rounds/$round/metrics" | grep -o '"rewards/accuracies"' | wc -l
take "/studies/$study/rounds/$round/download" round.zip

# Friday: the harvest, every format with its card and checksum, the policy, the log of the week, and a backup.
for export in $(call GET "/studies/$study/exports" | grep -oE '"name":"[^"]*"' | cut -d'"' -f4); do
  take "/studies/$study/exports/$export" "$export"
done
policy=$(call GET "/studies/$study/policies" | grep -oE '"number":[0-9]+' | tail -n 1 | cut -d: -f2)
take "/studies/$study/policies/$policy/download" "policy-$policy.zip"
take /audit/audit.csv audit.csv
take /housekeeping/backup backup.tar
echo "the week is over: policy $policy"
