#!/usr/bin/env bash
# An admin's week through the API alone, with nothing but curl:
#   ANNOTATOR_URL=http://127.0.0.1:5080 ANNOTATOR_KEY=ann_… data/examples/week.sh PROMPTS.csv PREFERENCES.jsonl FOLDER
# The key needs all four scopes; FOLDER is where the week's harvest goes. PREFERENCES.jsonl is in the format hh-rlhf, {"chosen", "rejected"}.
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
take() { curl -sSf --max-time 300 -H "Authorization: Bearer $ANNOTATOR_KEY" -o "$folder/$2" "$ANNOTATOR_URL/api/v1$1"; echo "took $2"; }

# A value in the JSON on standard input: `field count`, or `field too_long count` for the first count after too_long.
field() {
  local answer
  answer=$(cat)
  [ $# -eq 1 ] || { answer=${answer#*\"$1\":}; shift; }
  [[ $answer =~ \"$1\":(\"([^\"]*)\"|([^],}\"]+)) ]] && echo "${BASH_REMATCH[2]}${BASH_REMATCH[3]}"
}

# Monday: a study and its prompts, a quarter of them held out. A file is looked at before it is imported.
study=$(json POST /studies '{"name": "The week", "guidelines": "Which one would you **rather read on**?", "sampling": {"max_tokens": 24}}' -H 'Idempotency-Key: week-study' | field id)
look=$(call POST "/studies/$study/prompts/imports?name=prompts.csv&heldout_share=0.25&dry_run=true" --data-binary "@$prompts")
echo "study $study: $(field prompts <<< "$look") prompts, $(field held_out <<< "$look") of them held out"
call POST "/studies/$study/prompts/imports?name=prompts.csv&heldout_share=0.25" --data-binary "@$prompts" > /dev/null

# Tuesday: preferences of others, those that fit the policy's context; a colleague joins, by a link that works once.
look=$(call POST "/studies/$study/imports?name=preferences.jsonl&format=hh-rlhf&dry_run=true" --data-binary "@$preferences")
echo "preferences: $(field preferences <<< "$look") fit, $(field too_long count <<< "$look") are too long"
call POST "/studies/$study/imports?name=preferences.jsonl&format=hh-rlhf" --data-binary "@$preferences" > /dev/null
json POST /people/links '{"role": "annotator", "hours": 24}' -H 'Idempotency-Key: week-invitation' | field path > "$folder/invitation.txt"

# Wednesday: half of the queue is to compare policies blind, and a new policy serves once people surely prefer it.
# Then a round on a hundred preferences, five steps of twenty, watched to its end.
json PATCH "/studies/$study/evaluation" '{"share": 0.5, "gate_win_rate": 0.5}' > /dev/null
look=$(call GET "/studies/$study/rounds/preview")
echo "a round would train on $(field train <<< "$look") preferences and measure itself by $(field eval <<< "$look")"
round=$(json POST "/studies/$study/rounds" '{"options": {"max_steps": 5, "batch_size": 20}}' -H 'Idempotency-Key: week-round' | field number)
for _ in $(seq 300); do
  state=$(call GET "/studies/$study/rounds/$round" | field state)
  case $state in queued | running) sleep 1 ;; *) break ;; esac
done
[ "$state" = succeeded ] || { call GET "/studies/$study/rounds/$round"; exit 1; }
steps=$(call GET "/studies/$study/rounds/$round/metrics" | grep -o '"rewards/accuracies"' | wc -l)
policy=$(call GET "/studies/$study/rounds/$round" | field result_policy)
echo "round $round made policy $policy in $steps logged steps; $(call GET "/studies/$study/evaluation" | field serving) serves until the gate opens"
take "/studies/$study/rounds/$round/download" round.zip
json POST "/studies/$study/policies/explore" "{\"policies\": [0, $policy], \"text\": \"This film was\", \"sampling\": {\"max_tokens\": 16}, \"seed\": 1}" | grep -oE '"(policy|text)":("[^"]*"|[0-9]+)'

# Thursday: the two are compared blind. This program judges in an annotator's place, and its taste is simple: kind words are better.
taste() { # TEXT
  local text=${1,,} score=0 word
  for word in good great love best beautiful wonderful enjoy fun; do [[ $text != *$word* ]] || score=$((score + 1)); done
  for word in bad worst boring awful terrible waste dull hate; do [[ $text != *$word* ]] || score=$((score - 1)); done
  echo "$score"
}
judge() {
  local next comparison responses first second ranking
  for _ in $(seq 600); do
    next=$(json POST "/studies/$study/next" '{}')
    [ -z "$next" ] || break                              # 204: the sampler is still writing
    sleep 0.2
  done
  comparison=$(field comparison <<< "$next")
  responses=${next#*\"responses\":[}
  first=$(taste "${responses%%\",\"*}") second=$(taste "${responses#*\",\"}")
  ranking='[[0, 1]]'                                     # a tie
  [ "$first" -le "$second" ] || ranking='[[0], [1]]'
  [ "$first" -ge "$second" ] || ranking='[[1], [0]]'
  json POST "/studies/$study/judgments" "{\"comparison\": $comparison, \"ranking\": $ranking, \"comment\": \"By a program.\"}" -H "Idempotency-Key: week-$comparison" > /dev/null
}
for judged in $(seq 300); do
  judge
  ((judged % 10 == 0)) || continue
  evaluation=$(call GET "/studies/$study/evaluation")
  [[ $evaluation == *'"state":"too_few"'* ]] || break
done
echo "$judged judgments: policy $policy wins $(field pairs win_rate <<< "$evaluation") of the blind ones, 95% from $(field interval low <<< "$evaluation") to $(field interval high <<< "$evaluation")"
if [[ $evaluation == *'"gate":null'* || $evaluation == *'"state":"opens"'* ]]; then
  echo "the gate opens"
  until [ "$(call GET "/studies/$study/evaluation" | field serving)" = "$policy" ]; do sleep 0.2; done
else
  echo "the gate stays shut ($(field gate state <<< "$evaluation")); an admin may promote by hand"
  call POST "/studies/$study/policies/$policy/serve" > /dev/null
fi
echo "policy $policy serves"
call POST "/studies/$study/policies/0/serve" > /dev/null
echo "rolled back to policy $(call GET "/studies/$study/evaluation" | field serving)"

# Friday: what people's work is worth. An annotator can be left out of training, after a look at what that means, and taken in again.
annotators=$(call GET "/studies/$study/annotators")
annotator=$(field annotators annotator <<< "$annotators")
look=$(call GET "/studies/$study/left-out/$annotator")
echo "$annotator gave $(field judgments <<< "$look") judgments, $(field train <<< "$look") of them to train on"
all=$(call GET "/studies/$study/rounds/preview" | field train)
call PUT "/studies/$study/left-out/$annotator" > /dev/null
echo "without them a round trains on $(call GET "/studies/$study/rounds/preview" | field train) of $all preferences"
call DELETE "/studies/$study/left-out/$annotator" > /dev/null

# The harvest: every format with its card and checksum, the policy, the log of the week, and a backup.
for export in $(call GET "/studies/$study/exports" | grep -oE '"name":"[^"]*"' | cut -d'"' -f4); do
  take "/studies/$study/exports/$export" "$export"
done
take "/studies/$study/policies/$policy/download" "policy-$policy.zip"
take /audit/audit.csv audit.csv
take /housekeeping/backup backup.tar
echo "the week is over: policy $policy"
