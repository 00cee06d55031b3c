"""Learn to read the handwritten digits that scikit-learn brings along, and say how well that went."""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC


def main() -> None:
    images, labels = load_digits(return_X_y=True)
    seen, unseen, seen_labels, unseen_labels = train_test_split(images, labels, test_size=0.25, random_state=0)
    model = SVC(gamma=0.001).fit(seen, seen_labels)
    print(f"accuracy on {len(unseen)} unseen digits: {model.score(unseen, unseen_labels):.3f}")


if __name__ == "__main__":
    main()
