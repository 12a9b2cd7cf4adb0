# 300 processes at most, which end by themselves; where no more are given it fails.
i=0
while [ $i -lt 300 ]; do
  sleep 5 &
  i=$((i + 1))
done
wait
exit 1
